import { EINVAL, ENOSYS, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ } from '@pageferry/linux';
import { describe, expect, test } from 'vitest';
import type { SuiteContext } from './registration.js';
import { type Exit, Peer } from './support/peer.js';
import { useResources } from './support/resources.js';

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
      expect(calls.explainWrites(mapReadable(), new Float64Array(3), '')).toBe(-ENOSYS);
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
        ['the address alone behind the end of a message', 'behind', ''],
        ['the address alone where no message is', 'no-message', ''],
        ['the address alone where the ranges make no sense', 'nonsense', ''],
        ['what was asked for last', 'asked-twice', ': byte 0 of message 2'],
        ['what the ranges say by then', 'changed-ranges', ': byte 3 of message 8'],
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

      test('are explained from ranges that nobody else refers to', async () => {
        const stderr = await crash('forgotten-ranges', '--expose-gc');
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
        const ranges = new Float64Array(3);
        const buffer = mapReadable();
        expect(calls.explainWrites(buffer, ranges, 'text')).toBe(0);
        expect(calls.explainWrites(buffer, new Float64Array(0), '')).toBe(0);
        expect(calls.explainWrites(new ArrayBuffer(page), ranges, 'text')).toBe(-EINVAL);
        const alias = calls.alias(buffer, 0, page) as ArrayBuffer;
        expect(calls.explainWrites(alias, ranges, 'text')).toBe(-EINVAL);
        calls.munmap(buffer);
        expect(calls.explainWrites(buffer, ranges, 'text')).toBe(-EINVAL);
      });

      test('take 800 bytes of text, and no more', () => {
        const buffer = mapReadable();
        expect(calls.explainWrites(buffer, new Float64Array(0), 'é'.repeat(400))).toBe(0);
        expect(calls.explainWrites(buffer, new Float64Array(0), 'x'.repeat(801))).toBe(-EINVAL);
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
