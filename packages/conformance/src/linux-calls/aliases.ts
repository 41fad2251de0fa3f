import { createRequire } from 'node:module';
import {
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { pattern } from './support/bytes.js';
import { turns } from './support/event-loop.js';
import { collectUntil } from './support/garbage.js';
import { NAME_PREFIX } from './support/names.js';
import { Peer } from './support/peer.js';
import { mappedRanges } from './support/process-state.js';
import { useResources } from './support/resources.js';

// Node 20 has no ES module export of that name.
const { markAsUntransferable } = createRequire(import.meta.url)('node:worker_threads');

/** alias and detach, and what becomes of them when the mapping ends. */
export function describeAliases({ calls, moduleUrl, collectsMappings }: SuiteContext): void {
  const page = calls.pageSize();

  describe('aliases', () => {
    const resources = useResources(calls);

    const mapAnonymous = (byteLength = page): ArrayBuffer =>
      resources.map(byteLength, -1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

    /** A mapping that shows in `/proc` under a name of its own. */
    function mapNamed(name: string): ArrayBuffer {
      const fd = resources.own(calls.memfdCreate(name, 0));
      calls.ftruncate(fd, page);
      return resources.map(page, fd);
    }

    function alias(buffer: ArrayBuffer, offset = 0, byteLength = buffer.byteLength): ArrayBuffer {
      const made = calls.alias(buffer, offset, byteLength);
      expect(made).toBeInstanceOf(ArrayBuffer);
      return made as ArrayBuffer;
    }

    test('an alias is the named part of the mapping, and the same memory', () => {
      const buffer = mapAnonymous();
      const bytes = new Uint8Array(buffer);
      bytes.set(pattern(page));
      const part = alias(buffer, 100, 16);
      expect(new Uint8Array(part)).toEqual(pattern(page).slice(100, 116));
      expect(calls.addressOf(part)).toBe(calls.addressOf(buffer) + 100n);
      new Uint8Array(part)[3] = 255;
      expect(bytes[103]).toBe(255);
    });

    test('a detached alias and its views are empty, and the mapping stays as it is', () => {
      const buffer = mapAnonymous();
      const part = alias(buffer, 8, 64);
      const bytes = new Uint8Array(part).fill(7);
      const words = new Int32Array(part, 8, 2);
      expect(calls.detach(part)).toBe(0);
      expect([part.byteLength, bytes.length, words.length]).toEqual([0, 0, 0]);
      expect(bytes[0]).toBeUndefined();
      expect(calls.addressOf(part)).toBe(0n);
      expect(new Uint8Array(buffer, 7, 3)).toEqual(Uint8Array.of(0, 7, 7));
    });

    test('aliases of the same bytes are detached one by one', () => {
      const buffer = mapAnonymous();
      const all = [alias(buffer), alias(buffer), alias(buffer, 0, 10), alias(buffer, 5, 10)];
      for (const [index, made] of all.entries()) {
        expect(calls.detach(made)).toBe(0);
        const lengths = all.map(({ byteLength }) => byteLength);
        expect(lengths).toEqual([page, page, 10, 10].fill(0, 0, index + 1));
      }
    });

    test('only an alias can be detached, and only once', () => {
      const buffer = mapAnonymous();
      const part = alias(buffer, 0, 10);
      expect(calls.detach(part)).toBe(0);
      expect(calls.detach(part)).toBe(-EINVAL);
      expect(calls.detach(buffer)).toBe(-EINVAL);
      const foreign = new ArrayBuffer(16);
      expect(calls.detach(foreign)).toBe(-EINVAL);
      expect([buffer.byteLength, foreign.byteLength]).toEqual([page, 16]);
    });

    test('an empty part of the mapping has an alias too', () => {
      const buffer = mapAnonymous();
      for (const offset of [0, 100, page]) {
        const part = alias(buffer, offset, 0);
        const view = new Uint8Array(part);
        expect([part.byteLength, view.length]).toEqual([0, 0]);
        expect(calls.detach(part)).toBe(0);
        expect(calls.detach(part)).toBe(-EINVAL);
      }
    });

    test('an alias is not a mapping, even if it spans one', () => {
      const buffer = mapAnonymous();
      const whole = alias(buffer);
      expect(calls.munmap(whole)).toBe(-EINVAL);
      expect(calls.madvise(whole, 0, page, MADV_DONTNEED)).toBe(-EINVAL);
      expect(calls.alias(whole, 0, 1)).toBe(-EINVAL);
      expect([buffer.byteLength, whole.byteLength]).toEqual([page, page]);
      expect(calls.detach(whole)).toBe(0);
      expect(calls.madvise(buffer, 0, page, MADV_DONTNEED)).toBe(0);
      expect(calls.munmap(buffer)).toBe(0);
    });

    test('a range outside of the mapping has no alias', () => {
      const buffer = mapAnonymous();
      for (const [offset, byteLength] of [
        [0, page + 1],
        [page, 1],
        [page + 1, 0],
        [-1, 1],
        [0, -1],
        [1, Number.MAX_SAFE_INTEGER],
        [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      ] as const) {
        expect(calls.alias(buffer, offset, byteLength)).toBe(-EINVAL);
      }
    });

    test('memory that is not mapped, or not any more, has no alias', () => {
      expect(calls.alias(new ArrayBuffer(16), 0, 16)).toBe(-EINVAL);
      expect(calls.alias(new ArrayBuffer(0), 0, 0)).toBe(-EINVAL);
      const buffer = mapAnonymous();
      calls.munmap(buffer);
      expect(calls.alias(buffer, 0, 0)).toBe(-EINVAL);
    });

    test('munmap lets the memory go at once, and aliases keep their addresses, with zeros (11.6)', () => {
      const name = `${NAME_PREFIX}-aliased`;
      const buffer = mapNamed(name);
      new Uint8Array(buffer).fill(7);
      const neighbour = mapAnonymous();
      const parts = [alias(buffer), alias(buffer, 0, 1), alias(buffer, page - 1, 1)];
      const addresses = parts.map((part) => calls.addressOf(part));
      const spared = alias(neighbour);
      const detached = alias(buffer, 10, 10);
      calls.detach(detached);
      expect(calls.munmap(buffer)).toBe(0);
      expect(mappedRanges(name)).toEqual([]);
      expect(parts.map(({ byteLength }) => byteLength)).toEqual([page, 1, 1]);
      expect(parts.map((part) => calls.addressOf(part))).toEqual(addresses);
      for (const part of parts) expect(new Uint8Array(part).every((byte) => byte === 0)).toBe(true);
      // They are memory still, and nobody else's.
      new Uint8Array(parts[1] as ArrayBuffer)[0] = 1;
      expect(new Uint8Array(parts[0] as ArrayBuffer)[0]).toBe(1);
      expect(parts.map((part) => calls.detach(part))).toEqual([0, 0, 0]);
      expect(spared.byteLength).toBe(page);
      expect(calls.detach(spared)).toBe(0);
    });

    test('munmap keeps the parts that it is told to, whoever writes to the memory then (11.6)', () => {
      const fd = resources.memory(2 * page);
      const other = new Uint8Array(resources.map(2 * page, fd)).fill(7);
      for (const protection of [PROT_READ, PROT_READ | PROT_WRITE]) {
        const buffer = resources.map(2 * page, fd, protection);
        const whole = new Uint8Array(alias(buffer));
        expect(calls.munmap(buffer, Float64Array.of(100, 50, page - 1, 2, 0, 0))).toBe(0);
        other.fill(9);
        const kept = [...whole.entries()].filter(([, byte]) => byte !== 0);
        expect(kept).toHaveLength(52);
        expect(kept.every(([, byte]) => byte === 7)).toBe(true);
        expect([kept[0]?.[0], kept[50]?.[0]]).toEqual([100, page - 1]);
        other.fill(7);
      }
    });

    test('munmap refuses to keep what the mapping does not have', () => {
      const buffer = mapAnonymous();
      for (const part of [
        [0, page + 1],
        [page, 1],
        [-1, 1],
        [0, -1],
        [Number.NaN, 1],
        [1, Number.POSITIVE_INFINITY],
      ]) {
        expect(calls.munmap(buffer, Float64Array.from(part))).toBe(-EFAULT);
      }
      expect(calls.munmap(buffer, new Float64Array(0))).toBe(0);
    });

    test('munmapLater leaves what aliases show as it is (11.6)', async () => {
      const name = `${NAME_PREFIX}-later`;
      const untouched = mapNamed(name);
      expect(calls.munmapLater(untouched)).toBe(0);
      expect(mappedRanges(name)).toEqual([]);
      const buffer = mapNamed(name);
      const part = alias(buffer, 0, 16);
      new Uint8Array(part).fill(5);
      expect(calls.munmapLater(buffer)).toBe(0);
      expect([buffer.byteLength, calls.munmapLater(buffer)]).toEqual([0, -EINVAL]);
      await turns(3);
      expect(new Uint8Array(part)).toEqual(new Uint8Array(16).fill(5));
    });

    test('remap shows other memory through the same aliases (11.6)', () => {
      const buffer = mapAnonymous(2 * page);
      const bytes = new Uint8Array(alias(buffer)).fill(1);
      const file = resources.memory(page);
      const content = new Uint8Array(resources.map(page, file)).fill(2);
      expect(calls.remap(buffer, page, PROT_READ, MAP_SHARED, file)).toBe(0);
      expect([bytes[0], bytes[page - 1], bytes[page]]).toEqual([2, 2, 1]);
      content[0] = 3;
      expect(bytes[0]).toBe(3);
      expect(calls.remap(buffer, page, PROT_READ, MAP_SHARED, -1)).toBe(-EBADF);
      expect(calls.remap(buffer, 2 * page + 1, PROT_READ, MAP_SHARED, file)).toBe(-EFAULT);
      expect(calls.remap(new ArrayBuffer(page), page, PROT_READ, MAP_SHARED, file)).toBe(-EINVAL);
      expect(bytes[0]).toBe(3);
      const anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
      expect(calls.remap(buffer, 2 * page, PROT_READ | PROT_WRITE, anonymous, -1)).toBe(0);
      bytes[0] = 4;
      expect([content[0], bytes[page]]).toEqual([3, 0]);
    });

    test('a mapping whose own buffer shows a part of it has aliases of all of it', () => {
      const flags = MAP_PRIVATE | MAP_ANONYMOUS;
      const map = (shown: number) => calls.mmap(page, PROT_READ | PROT_WRITE, flags, -1, 0, shown);
      for (const shown of [0, -1, page + 1]) expect(map(shown)).toBe(-EINVAL);
      const buffer = resources.ownMapping(map(1));
      expect(buffer.byteLength).toBe(1);
      new Uint8Array(alias(buffer, page - 1, 1))[0] = 9;
      expect(new Uint8Array(alias(buffer, 0, page))[page - 1]).toBe(9);
      expect(calls.madvise(buffer, 0, page, MADV_DONTNEED)).toBe(0);
      // Of the same length at the same place, it is not the mapping's own.
      expect(calls.munmap(alias(buffer, 0, 1))).toBe(-EINVAL);
      expect(calls.munmap(buffer)).toBe(0);
    });

    test('one that the program has marked as untransferable is not detached, or harmlessly (11.8)', () => {
      const buffer = mapAnonymous();
      const part = alias(buffer, 0, 16);
      markAsUntransferable(part);
      // Node 20 and 22 do not tell V8.
      expect([0, -EBUSY]).toContain(calls.detach(part));
      markAsUntransferable(buffer);
      expect([0, -EBUSY]).toContain(calls.munmap(buffer));
    });

    test.each([
      ['a thread of Node reads memory that is unmapped (11.6)', 'unmap'],
      ['a thread of Node reads memory that is unmapped and garbage (11.6)', 'unmap-and-collect'],
      ['a thread of Node writes to memory that is detached and unmapped (11.6)', 'detach'],
      ['a buffer is marked as untransferable when the thread ends (11.8)', 'mark'],
    ])('nothing happens when %s', async (_, scenario) => {
      const nodeOptions = ['--expose-gc'];
      await using peer = Peer.start('reaching', { moduleUrl, scenario, nodeOptions });
      expect(await peer.exit).toEqual({ code: 0, signal: null, stderr: '' });
    });

    test('an alias can be read from and written to by the other calls', async () => {
      const [readEnd, writeEnd] = resources.pipe();
      const buffer = mapAnonymous();
      const source = alias(buffer, 0, 16);
      const target = alias(buffer, 16, 16);
      new Uint8Array(source).set(pattern(16));
      const written = calls.writeOnThread(writeEnd, new Uint8Array(source), 0, 16);
      expect(calls.detach(source)).toBe(0);
      expect(await written).toBe(16);
      expect(calls.read(readEnd, new Uint8Array(target), 0, 16)).toBe(16);
      calls.detach(target);
      expect(new Uint8Array(buffer, 0, 32)).toEqual(
        Uint8Array.from([...pattern(16), ...pattern(16)]),
      );
    });

    test('thousands come and go, in any order, and none outlives its time', async () => {
      const buffer = mapAnonymous();
      const live: ArrayBuffer[] = [];
      for (let round = 0; round < 5000; round++) {
        live.push(alias(buffer, round % page, 1 + (round % (page - (round % page)))));
        if (round % 3 !== 0) continue;
        const [made] = live.splice((round * 7) % live.length, 1);
        expect(calls.detach(made as ArrayBuffer)).toBe(0);
        if (round % 100 === 0) await turns(1);
      }
      expect(calls.munmap(buffer)).toBe(0);
      expect(live.filter(({ byteLength }) => byteLength === 0)).toEqual([]);
    });

    test('a clone is a copy, and a transfer does no harm', () => {
      const buffer = mapAnonymous();
      const part = alias(buffer, 0, 16);
      new Uint8Array(part).fill(1);
      const { buffer: clone } = structuredClone(new Uint8Array(part));
      // Some releases of Node refuse to transfer what is not theirs, others make a copy of it. A buffer
      // that node:ffi has made is moved on, as by `ArrayBuffer.transfer`.
      try {
        structuredClone(part, { transfer: [part] });
      } catch (error) {
        expect(error).toMatchObject({ name: 'DataCloneError' });
      }
      const { byteLength } = part;
      expect([0, 16]).toContain(byteLength);
      expect(calls.detach(part)).toBe(byteLength === 0 ? -EINVAL : 0);
      expect(new Uint8Array(clone)).toEqual(new Uint8Array(16).fill(1));
    });

    test.skipIf(!collectsMappings || !('transfer' in ArrayBuffer.prototype))(
      'memory that was moved on to another buffer stays mapped as long as that is there',
      async () => {
        const name = `${NAME_PREFIX}-moved`;
        const moveOn = (): void => {
          const buffer = mapNamed(name);
          new Uint8Array(buffer)[5] = 42;
          const part = alias(buffer, 0, 16) as ArrayBuffer & { transfer(): ArrayBuffer };
          const moved = part.transfer();
          expect(calls.detach(part)).toBe(-EINVAL);
          expect(calls.munmapLater(buffer)).toBe(0);
          expect(new Uint8Array(moved)[5]).toBe(42);
          expect(mappedRanges(name)).toHaveLength(1);
        };
        moveOn();
        await collectUntil(() => mappedRanges(name).length === 0);
        expect(mappedRanges(name)).toEqual([]);
      },
    );
  });
}
