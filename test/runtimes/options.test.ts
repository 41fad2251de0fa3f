import { describe, expect, test } from 'vitest';
import { inFolder, run } from './run.js';

// Options of Node that take something away from programs.
const TRANSPORTS = ['sharedMmap', 'vmspliceNapi', 'vmspliceFfi', 'socketTransport'] as const;

describe('with other options of Node', { timeout: 120_000 }, () => {
  /** Sends over a transport, with options and a length. */
  const sendWith = (
    options: readonly string[],
    transport: string,
    bytes: number,
    signal: AbortSignal,
  ): Promise<string> =>
    inFolder(async (folder) => {
      const command = { path: process.execPath, args: ['--no-warnings', ...options] };
      const words = [transport, `${folder}/endpoint`, String(bytes)];
      const outcome = await run(command, 'one-message.mjs', words, signal);
      // V8 says there which options of its own it leaves out.
      expect(outcome).toMatchObject({ end: 0 });
      return outcome.stdout.trim();
    });

  test.for(TRANSPORTS)('%s works with --frozen-intrinsics', async (transport, { signal }) => {
    expect(await sendWith(['--frozen-intrinsics'], transport, 100_000, signal)).toBe('sent');
  });

  test.for(TRANSPORTS)('%s works with --jitless', async (transport, { signal }) => {
    expect(await sendWith(['--jitless'], transport, 100_000, signal)).toBe('sent');
  });

  test.for(TRANSPORTS)('%s works in a small heap', async (transport, { signal }) => {
    const heap = ['--max-old-space-size=12', '--max-semi-space-size=1'];
    expect(await sendWith(heap, transport, 30_000_000, signal)).toBe('sent');
  });

  test.for([
    ['sharedMmap', 'BINDING_UNAVAILABLE'],
    ['vmspliceNapi', 'BINDING_UNAVAILABLE'],
    ['vmspliceFfi', 'BINDING_UNAVAILABLE'],
    ['socketTransport', 'sent'],
  ] as const)('%s says with --no-addons: %s', async ([transport, outcome], { signal }) => {
    const said = await sendWith(['--no-addons'], transport, 5, signal);
    expect(said).toMatch(new RegExp(outcome === 'sent' ? '^sent$' : `^${outcome}: .*--no-addons`));
  });
});
