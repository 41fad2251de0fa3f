import type { Report } from '@pageferry/doctor';
import { describe, expect, test } from 'vitest';
import { inFolder, printed, run } from './run.js';

// Node's permission model: every transport works with the options that docs/runtimes.md names. With fewer it is a typed
// error which names the one that is missing, and no file is left behind.
const ROOT = new URL('../../', import.meta.url).pathname;
const [major = 0] = process.versions.node.split('.').map(Number);
const hasModel = major >= 22;
/** Node 26 counts Unix sockets among the network. */
const NET = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : [];
const TRANSPORTS = ['sharedMmap', 'vmspliceNapi', 'vmspliceFfi', 'socketTransport'] as const;
const title = hasModel ? '' : ': needs Node 22 or later';

/** Runs a program that may read the packages, and what else is granted. */
async function granted(
  options: readonly string[],
  program: string,
  words: readonly string[],
  signal: AbortSignal,
) {
  const args = ['--no-warnings', '--permission', `--allow-fs-read=${ROOT}`, ...options];
  return run({ path: process.execPath, args }, program, words, signal);
}

/** Sends a message over a transport, with an endpoint in a folder of its own. */
function send(
  transport: string,
  optionsIn: (folder: string) => readonly string[],
  signal: AbortSignal,
): Promise<{ readonly said: string; readonly folder: string }> {
  return inFolder(async (folder) => {
    const words = [transport, `${folder}/endpoint`];
    const outcome = await granted(optionsIn(folder), 'one-message.mjs', words, signal);
    expect(outcome).toMatchObject({ end: 0, stderr: '' });
    return { said: outcome.stdout.trim(), folder };
  });
}

/** The least that a transport needs. */
function needed(transport: string, folder: string): readonly string[] {
  return [
    `--allow-fs-read=${folder}`,
    `--allow-fs-write=${folder}`,
    ...(transport === 'socketTransport' ? [] : ['--allow-addons']),
    ...(['socketTransport', 'vmspliceFfi'].includes(transport) ? NET : []),
  ];
}

describe.skipIf(!hasModel)(`under --permission${title}`, { timeout: 60_000 }, () => {
  describe.each(TRANSPORTS)('%s', (transport) => {
    test('works with the options that are documented', async ({ signal }) => {
      const { said } = await send(transport, (folder) => needed(transport, folder), signal);
      expect(said).toBe('sent');
    });

    const options = needed(transport, 'FOLDER').map((option) => option.split('=')[0] as string);
    test.for(options)('without %s says so, and leaves nothing', async (option, { signal }) => {
      const without = (folder: string): readonly string[] =>
        needed(transport, folder).filter((each) => !each.startsWith(option));
      const { said, folder } = await send(transport, without, signal);
      const isFile = option.startsWith('--allow-fs');
      expect(said).toMatch(/^(ENDPOINT_FORBIDDEN|BINDING_UNAVAILABLE): /);
      expect(said).toContain(isFile ? `${option}=${folder}` : option);
    });
  });

  test.for([
    [['--allow-addons'], 'shared-mmap'],
    [NET, 'socket'],
  ] as const)('the doctor finds with %s that %s works', async ([options, name], { signal }) => {
    const report = await inFolder(async (folder) => {
      const files = [`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`];
      const all = [...files, ...options];
      return printed<Report>(await granted(all, 'doctor.mjs', [folder], signal));
    });
    expect(report.recommended).toBe(name);
  });
});
