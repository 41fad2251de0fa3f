import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

// `sideEffects` tells a bundler what it may leave out. If it says too little, what is left out is missed; if too much,
// a bundle has what nobody uses.
const SURROUNDINGS = fileURLToPath(new URL('surroundings/', import.meta.url));
const ADDON = fileURLToPath(
  new URL('../packages/linux-napi/build/Release/linux_napi.node', import.meta.url),
);

/** What a function takes that needs nothing else, with its comment, in bytes. The package has 200 kB. */
const MOST_OF_ONE_FUNCTION = 1000;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pf-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Bundles a program; says which modules of ours are in it, and where it is. */
async function bundle(source: string) {
  const entry = 'program.js';
  const build = await rolldown({
    cwd: SURROUNDINGS, // Where the packages are found.
    input: entry,
    platform: 'node',
    plugins: [
      {
        name: 'program',
        resolveId: (id) => (id === entry ? join(SURROUNDINGS, entry) : undefined),
        load: (id) => (id === join(SURROUNDINGS, entry) ? source : undefined),
      },
    ],
  });
  const { output } = await build.write({ dir: folder, format: 'es', entryFileNames: 'out.mjs' });
  await build.close();
  const modules = output
    .flatMap((part) => (part.type === 'chunk' ? Object.entries(part.modules) : []))
    .filter(([, { renderedLength }]) => renderedLength > 0)
    .map(([id]) => /packages\/(.*)\/(?:bundle|dist)\/(.*)$/.exec(id)?.slice(1).join('/') ?? '')
    .filter((id) => id !== '');
  return { modules, file: join(folder, 'out.mjs') };
}

async function runBundle(file: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = text(child.stdout);
  const [status] = await once(child, 'close');
  return { status, output: await output };
}

const ENTRIES = [
  ...['core', 'core/contract', 'doctor', 'messages', 'shared-mmap', 'socket', 'streams'],
  ...['vmsplice-ffi', 'vmsplice-napi'],
].map((name) => `@pageferry/${name}`);

describe('a bundle', { timeout: 60_000 }, () => {
  test.each([...ENTRIES, 'pageferry'])(
    'has nothing of %s if nothing of it is used',
    async (name) => {
      expect((await bundle(`import '${name}';`)).modules).toEqual([]);
    },
  );

  test('has what is used, and what that needs', async () => {
    const program =
      "import { isPageferryError } from '@pageferry/core'; console.log(isPageferryError(0));";
    const { modules, file } = await bundle(program);
    expect(modules).toHaveLength(1);
    expect(statSync(file).size).toBeLessThan(MOST_OF_ONE_FUNCTION);
    expect(await runBundle(file)).toEqual({ status: 0, output: 'false\n' });
  });

  test('has the command, which does something when it is imported', async () => {
    const { modules } = await bundle("import '@pageferry/doctor/command';");
    expect(modules).toContain('doctor/command/main.js');
    expect(modules).toContain('doctor/command/command.js');
  });

  test('of a backend misses nothing of what was left out', async () => {
    const { modules, file } = await bundle(`
      import { sharedMmap } from '@pageferry/shared-mmap';
      import { socketTransport } from '@pageferry/socket';
      import { EXPECTED, exchange } from './projects/exchange.js';
      import { isDeepStrictEqual } from 'node:util';
      for (const [index, transport] of [sharedMmap, socketTransport].entries()) {
        const result = await exchange(transport, index + '.sock');
        console.log(isDeepStrictEqual(result, EXPECTED));
      }
    `);
    expect(modules.some((id) => id.startsWith('shared-mmap/'))).toBe(true);
    expect(await runBundle(file, { PAGEFERRY_LINUX_NAPI_ADDON: ADDON })).toEqual({
      status: 0,
      output: 'true\ntrue\n',
    });
  });
});
