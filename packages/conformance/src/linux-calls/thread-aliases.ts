import { types } from 'node:util';
import { EINVAL, ENOSYS, POLLIN, pollNow, type ThreadAlias } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { pattern } from './support/bytes.js';
import { collectUntil } from './support/garbage.js';
import { NAME_PREFIX } from './support/names.js';
import { Peer } from './support/peer.js';
import { isCloseOnExec, mappedRanges, openDescriptors } from './support/process-state.js';
import { Reader } from './support/reader.js';
import { useResources } from './support/resources.js';

/** threadAlias and threadBell: memory that several threads see. */
export function describeThreadAliases({ calls, moduleUrl, sharesWithThreads }: SuiteContext): void {
  const page = calls.pageSize();

  describe('memory for other threads', () => {
    const resources = useResources(calls);

    const map = (byteLength = page): ArrayBuffer =>
      resources.map(byteLength, resources.memory(byteLength));

    test.skipIf(sharesWithThreads)('cannot be had from every binding, and every Node', () => {
      const buffer = map();
      expect(calls.threadBell(buffer)).toBe(-ENOSYS);
      expect(calls.threadAlias(buffer, 0, page, buffer)).toBe(-ENOSYS);
      // It can be asked without a mapping.
      expect(calls.threadBell(new ArrayBuffer(0))).toBe(-ENOSYS);
    });

    describe.skipIf(!sharesWithThreads)('where there is such', () => {
      function share(buffer: ArrayBuffer, offset = 0, byteLength = page): ThreadAlias {
        const made = calls.threadAlias(buffer, offset, byteLength, buffer);
        if (typeof made === 'number') throw new Error(`threadAlias answered ${made}`);
        return made;
      }

      /** A mapping that shows in `/proc` under a name of its own, and is full of sevens. */
      function mapNamed(name: string): ArrayBuffer {
        const fd = resources.own(calls.memfdCreate(`${NAME_PREFIX}-${name}`, 0));
        calls.ftruncate(fd, page);
        const buffer = resources.map(page, fd);
        new Uint8Array(buffer).fill(7);
        return buffer;
      }

      const rings = (bell: number): boolean => (pollNow(calls, bell, POLLIN) & POLLIN) !== 0;

      test('it is the named part of the mapping, and one thread is not done with it', () => {
        const buffer = map();
        new Uint8Array(buffer).set(pattern(page));
        const { memory, holds } = share(buffer, 100, 16);
        expect([memory, holds].every(types.isSharedArrayBuffer)).toBe(true);
        expect(new Uint8Array(memory)).toEqual(pattern(page).slice(100, 116));
        expect([...new Int32Array(holds)]).toEqual([1]);
        new Uint8Array(buffer)[100] = 255;
        expect(new Uint8Array(memory)[0]).toBe(255);
      });

      test('another thread reads the same memory', async () => {
        const buffer = map();
        const { memory } = share(buffer);
        await using reader = new Reader();
        expect(await reader.send(memory)).toEqual([0]);
        new Uint8Array(buffer)[0] = 9;
        expect(await reader.send('read')).toEqual([9]);
      });

      test('several threads may have it, and it may be had several times', async () => {
        const buffer = map();
        const one = share(buffer);
        const other = share(buffer);
        await using reader = new Reader();
        await using second = new Reader();
        expect(await reader.send(one.memory)).toEqual([0]);
        new Uint8Array(one.memory)[0] = 3;
        expect(await reader.send(other.memory)).toEqual([3, 3]);
        expect(await second.send(one.memory)).toEqual([3]);
        expect(new Int32Array(one.holds)[0]).toBe(1);
        new Int32Array(one.holds)[0] = 5;
        expect(new Int32Array(other.holds)[0]).toBe(1);
      });

      test('an empty part of the mapping can be shown, too', async () => {
        const buffer = map();
        await using reader = new Reader();
        for (const offset of [0, 100, page]) {
          expect(share(buffer, offset, 0).memory.byteLength).toBe(0);
          expect(await reader.send(share(buffer, offset, 0).memory)).toContain(-1);
        }
      });

      test('a range outside of the mapping cannot', () => {
        const buffer = map();
        for (const [offset, byteLength] of [
          [0, page + 1],
          [page + 1, 0],
          [-1, 1],
          [0, -1],
          [1, Number.MAX_SAFE_INTEGER],
        ] as const) {
          expect(calls.threadAlias(buffer, offset, byteLength, buffer)).toBe(-EINVAL);
        }
      });

      test('nor can memory that is not mapped, or not any more, and it has no bell', () => {
        const buffer = map();
        const gone = map();
        calls.munmap(gone);
        const foreign = new ArrayBuffer(page);
        const alias = calls.alias(buffer, 0, page) as ArrayBuffer;
        for (const wrong of [gone, foreign, alias, new ArrayBuffer(0)]) {
          expect(calls.threadAlias(wrong, 0, 0, buffer)).toBe(-EINVAL);
          expect(calls.threadAlias(buffer, 0, 0, wrong)).toBe(-EINVAL);
          expect(calls.threadBell(wrong)).toBe(-EINVAL);
        }
      });

      test('it is no mapping, and no alias', () => {
        const buffer = map();
        const { memory } = share(buffer);
        const wrong = memory as unknown as ArrayBuffer;
        for (const call of [
          () => calls.munmap(wrong),
          () => calls.detach(wrong),
          () => calls.alias(wrong, 0, 1),
          () => calls.threadBell(wrong),
        ]) {
          expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
        }
      });

      test('the bell is one, and closes when it is executed', () => {
        const buffer = map();
        const bell = calls.threadBell(buffer);
        expect(openDescriptors().get(bell)).toContain('eventfd');
        expect(isCloseOnExec(bell)).toBe(true);
        expect(calls.threadBell(buffer)).toBe(bell);
        expect(rings(bell)).toBe(false);
        calls.munmap(buffer);
        expect(openDescriptors().has(bell)).toBe(false);
      });

      test('the bell rings when no thread has the memory any more, and not before', async () => {
        const buffer = map();
        const bell = calls.threadBell(buffer);
        const reader = new Reader();
        const send = async (): Promise<Int32Array> => {
          const { memory, holds } = share(buffer);
          await reader.send(memory);
          return new Int32Array(holds);
        };
        const holds = await send();
        await collectUntil(() => rings(bell));
        expect([rings(bell), holds[0]]).toEqual([false, 1]);
        await reader.terminate();
        await collectUntil(() => rings(bell));
        expect([rings(bell), holds[0]]).toEqual([true, 0]);
      });

      test('the bell does not ring for what all threads were done with', async () => {
        const buffer = map();
        const bell = calls.threadBell(buffer);
        let collected = 0;
        const registry = new FinalizationRegistry(() => collected++);
        const forget = (): void => {
          const { memory, holds } = share(buffer);
          new Int32Array(holds)[0] = 0;
          registry.register(memory, undefined);
        };
        forget();
        await collectUntil(() => collected === 1);
        await collectUntil(() => rings(bell));
        expect([collected, rings(bell)]).toEqual([1, false]);
      });

      test('one mapping rings the bell of another', async () => {
        const buffer = map();
        const other = map();
        const bell = calls.threadBell(buffer);
        const forget = (): void => {
          calls.threadAlias(other, 0, page, buffer);
        };
        forget();
        calls.munmap(other);
        await collectUntil(() => rings(bell));
        expect(rings(bell)).toBe(true);
      });

      test('when the mapping ends, threads keep what is kept, at the same addresses', async () => {
        await using reader = new Reader();
        const buffer = mapNamed('for-threads');
        const bell = calls.threadBell(buffer);
        const sendBoth = async (): Promise<void> => {
          await reader.send(share(buffer, 0, 16).memory);
          await reader.send(share(buffer, 16, 16).memory);
        };
        await sendBoth();
        expect(calls.munmap(buffer, Float64Array.of(0, 16))).toBe(0);
        expect(mappedRanges(`${NAME_PREFIX}-for-threads`)).toEqual([]);
        expect(await reader.send('read')).toEqual([7, 0]);
        // Whoever is told to ring it still can.
        expect(openDescriptors().has(bell)).toBe(true);
        await reader.terminate();
        await collectUntil(() => !openDescriptors().has(bell));
        expect(openDescriptors().has(bell)).toBe(false);
      });

      test('munmapLater leaves it as it is until no thread has it', async () => {
        await using reader = new Reader();
        const buffer = mapNamed('later-for-threads');
        const send = async (): Promise<void> => {
          await reader.send(share(buffer).memory);
        };
        await send();
        expect(calls.munmapLater(buffer)).toBe(0);
        expect(await reader.send('read')).toEqual([7]);
        const ranges = () => mappedRanges(`${NAME_PREFIX}-later-for-threads`).length;
        expect(ranges()).toBe(1);
        await reader.terminate();
        await collectUntil(() => ranges() === 0);
        expect(ranges()).toBe(0);
      });

      test('thousands come and go', async () => {
        const buffer = map();
        const bell = calls.threadBell(buffer);
        await using reader = new Reader();
        for (let round = 0; round < 3000; round++) {
          const { memory } = share(buffer, round % page, 1);
          if (round % 500 === 0) await reader.send(memory);
        }
        await collectUntil(() => rings(bell));
        expect(rings(bell)).toBe(true);
        expect(await reader.send('read')).toHaveLength(6);
      });

      test.each([
        ['the thread ends that has shared it, and with it the addon of that thread', 'outlive'],
        ['the process exits while a thread reads', 'exit'],
      ])('nothing happens when %s', async (_, scenario) => {
        const nodeOptions = ['--expose-gc'];
        await using peer = Peer.start('thread-sharing', { moduleUrl, scenario, nodeOptions });
        expect(await peer.exit).toEqual({ code: 7, signal: null, stderr: '' });
      });

      test('a write by another thread to read-only memory is explained', async () => {
        await using peer = Peer.start('thread-sharing', { moduleUrl, scenario: 'write' });
        const { signal, stderr } = await peer.exit;
        expect(signal).toBe('SIGSEGV');
        expect(stderr).toMatch(
          /^pageferry: write to read-only memory at 0x[0-9a-f]+\. Look here\.\n$/,
        );
      });
    });
  });
}
