import { EINVAL, ENOSYS, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { entriesOf, type Message, shapeOf } from './support/entries.js';
import { type Exit, Peer } from './support/peer.js';
import { useResources } from './support/resources.js';

const MESSAGE: Message = { place: 0, length: 100, number: 1 };

/** explainWrites. */
export function describeExplanations(context: SuiteContext): void {
  const { calls, moduleUrl, explainsWrites, collectsMappings } = context;
  const page = calls.pageSize();

  /** Runs a process that is expected to end by its own fault. Answers what it said about that. */
  async function crash(scenario: string, ...nodeOptions: string[]): Promise<string> {
    const { code, signal, stderr } = await run(scenario, ...nodeOptions);
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGSEGV' });
    return stderr;
  }

  async function run(scenario: string, ...nodeOptions: string[]): Promise<Exit> {
    await using peer = Peer.start('faulting', { moduleUrl, scenario, nodeOptions });
    return await peer.exit;
  }

  const line = (place: string): RegExp =>
    new RegExp(`^pageferry: write to read-only memory at 0x[0-9a-f]+${place}\\. Look here\\.\n$`);

  describe('writes to read-only memory', () => {
    const resources = useResources(calls);
    const mapReadable = () => resources.map(page, -1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);

    test.skipIf(explainsWrites)('cannot be explained by every binding', () => {
      expect(calls.explainWrites(mapReadable(), entriesOf(), shapeOf(0), '')).toBe(-ENOSYS);
    });

    describe.skipIf(!explainsWrites)('that are explained', () => {
      test('end the process by the signal that they always did, and say which message it was', async () => {
        expect(await crash('write-to-message')).toMatch(line(': byte 96 of message 17'));
      });

      test('name the address that was written to', async () => {
        await using peer = Peer.start('faulting', { moduleUrl, scenario: 'write-to-message' });
        const address = await peer.message();
        expect((await peer.exit).stderr).toContain(`read-only memory at ${address}:`);
      });

      test.each([
        [
          'the youngest message where several have been',
          'overlap',
          ': byte 0 of message 9007199254740991',
        ],
        ['the first byte of a message', 'first-byte', ': byte 0 of message 0'],
        ['the last byte of a message', 'last-byte', ': byte 99 of message 4'],
        [
          'a byte of a message as long as can be',
          'longest-message',
          ': byte 56 of message 4294967297',
        ],
        ['a byte that is far away', 'far-away', ': byte 20 of message 2147483648'],
        ['the address alone before a message', 'before', ''],
        ['the address alone behind the end of a message', 'behind', ''],
        ['the address alone where no message is', 'no-message', ''],
        ['the address alone where the entries make no sense', 'nonsense', ''],
        ['nothing of messages that lie in other memory', 'elsewhere', ': byte 30 of message 5'],
        ['what was asked for last', 'asked-twice', ': byte 0 of message 2'],
        ['what the entries say by then', 'changed-entries', ': byte 3 of message 8'],
        ['what the shape said when it was asked for', 'changed-shape', ': byte 9 of message 6'],
        [
          'the right message if several mappings are explained',
          'several-mappings',
          ': byte 1 of message 5',
        ],
        ['the right message in a worker, beside others', 'in-workers', ': byte 2 of message 102'],
        [
          'the right message when the worker that was first to ask has ended',
          'after-worker',
          ': byte 96 of message 17',
        ],
      ])('tell %s', async (_, scenario, place) => {
        expect(await crash(scenario)).toMatch(line(place));
      });

      test('are one line, whatever the text', async () => {
        const stderr = await crash('odd-text');
        expect(stderr).toMatch(/^pageferry: [^\n]* of message 1\. Grüße, zwei {2}Zeilen\.\n$/);
      });

      test('are explained from entries that nobody else refers to', async () => {
        const stderr = await crash('forgotten-entries', '--expose-gc');
        expect(stderr).toMatch(line(': byte 5 of message 12'));
      });

      test('end the process, with one line, though it listens to SIGSEGV (11.27)', async () => {
        expect(await crash('beside-listener')).toMatch(line(': byte 7 of message 3'));
      });

      test('end it with one line if several threads write at once, beside a listener (11.27)', async () => {
        const stderr = await crash('in-workers-beside-listener');
        expect(stderr).toMatch(line(': byte 2 of message 10[0-3]'));
      });

      test('end the process even if nobody takes the line', async () => {
        expect(await crash('closed-output')).toBe('');
      });

      test.each([
        ['to other memory', 'write-elsewhere'],
        ['to what has taken the place of a mapping that was explained', 'unmapped'],
        ['that did not happen: a signal from outside', 'sent-signal'],
      ])('are silent about those %s', async (_, scenario) => {
        expect(await crash(scenario)).toBe('');
      });

      test.each([
        ['in the main thread', 'trap'],
        ['in a worker', 'trap-in-worker'],
        ['when the worker that was first to ask has ended', 'trap-after-worker'],
      ])('leave the traps of WebAssembly alone, %s', async (_, scenario) => {
        expect(await run(scenario)).toEqual({ code: 0, signal: null, stderr: '' });
      });

      test('can be explained for a live mapping, and for nothing else', () => {
        const explain = (memory: ArrayBuffer): number =>
          calls.explainWrites(memory, entriesOf(MESSAGE), shapeOf(1), 'text');
        const buffer = mapReadable();
        expect(explain(buffer)).toBe(0);
        expect(explain(buffer)).toBe(0);
        expect(explain(new ArrayBuffer(page))).toBe(-EINVAL);
        expect(explain(calls.alias(buffer, 0, page) as ArrayBuffer)).toBe(-EINVAL);
        calls.munmap(buffer);
        expect(explain(buffer)).toBe(-EINVAL);
      });

      describe('by entries', () => {
        const words = entriesOf(MESSAGE, MESSAGE, MESSAGE);
        const explain = (shape: Int32Array, all = words): number =>
          calls.explainWrites(mapReadable(), all, shape, 'text');

        test('can be as many as there is room for, down to none', () => {
          for (const count of [0, 1, 2, 3]) expect(explain(shapeOf(count))).toBe(0);
          expect(explain(shapeOf(0), new Int32Array(0))).toBe(0);
          expect(explain(new Int32Array(10), new Int32Array(0))).toBe(0);
        });

        test('must lie within the words, up to the last word of the last', () => {
          expect(explain(shapeOf(4))).toBe(-EINVAL);
          expect(explain(shapeOf(3), words.subarray(0, -1))).toBe(-EINVAL);
          expect(explain(shapeOf(1), new Int32Array(0))).toBe(-EINVAL);
          const detached = words.slice();
          structuredClone(detached, { transfer: [detached.buffer] });
          expect(explain(shapeOf(3), detached)).toBe(-EINVAL);
        });

        test.each([0, 1, 2, 3, 4, 6, 7, 8])('must not reach further by number %d', (index) => {
          for (const far of [words.length, 2 ** 30, 2 ** 31 - 1]) {
            expect(explain(shapeOf(3).with(index, far))).toBe(-EINVAL);
          }
          expect(explain(new Int32Array(10).fill(2 ** 31 - 1))).toBe(-EINVAL);
        });

        test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('have no negative number %d', (index) => {
          for (const negative of [-1, -(2 ** 31)]) {
            expect(explain(shapeOf(3).with(index, negative))).toBe(-EINVAL);
            expect(explain(shapeOf(0).with(index, negative))).toBe(-EINVAL);
          }
        });

        test('have a shape of ten numbers', () => {
          const shape = shapeOf(3);
          expect(explain(new Int32Array(0))).toBe(-EINVAL);
          expect(explain(shape.subarray(0, 9))).toBe(-EINVAL);
          expect(explain(Int32Array.of(...shape, 0))).toBe(-EINVAL);
          structuredClone(shape, { transfer: [shape.buffer] });
          expect(explain(shape)).toBe(-EINVAL);
        });
      });

      test('take 800 bytes of text, and no more', () => {
        const buffer = mapReadable();
        const explain = (text: string): number =>
          calls.explainWrites(buffer, entriesOf(), shapeOf(0), text);
        expect(explain('é'.repeat(400))).toBe(0);
        expect(explain('x'.repeat(801))).toBe(-EINVAL);
      });

      test('say so when there are too many, and take more when some have ended', async () => {
        expect(await run('too-many')).toEqual({ code: 0, signal: null, stderr: '' });
      });

      test.skipIf(!collectsMappings)('end with mappings that nobody refers to', async () => {
        const exit = await run('too-many-forgotten', '--expose-gc');
        expect(exit).toEqual({ code: 0, signal: null, stderr: '' });
      });
    });
  });
}
