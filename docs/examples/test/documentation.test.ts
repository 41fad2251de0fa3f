import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { hasNatsServer, NatsServer } from '@pageferry/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programsOf } from './harness/programs.js';

// Every program in the READMEs and the docs is compiled, and all but these are run, as the processes
// that they are. Blocks without an import are fragments, and left alone.
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('..', import.meta.url));
const HARNESS = fileURLToPath(new URL('harness/', import.meta.url));

/** Vitest files, a library, a child or worker that its parent starts; node:ffi, which not every Node has; and what tests of its own run. */
const ONLY_COMPILED =
  /^(CONTRIBUTING|conformance|core)\/|^adding-a-backend\/(toy-transport|program-3|program-5)$|\/(child|stoppable-worker)$|^vmsplice-ffi\/through-node-ffi|^workers\/threads$|^fd-socket\/service$|^(keeping-messages|transfer-contract)\//;

/** Programs that two terminals run, or three. All others run alone. */
const TOGETHER = [
  ['README/sender', 'README/receiver'],
  ['getting-started/sending', 'getting-started/receiving'],
  ['getting-started/sender', 'getting-started/receiver'],
  ['getting-started/answer', 'getting-started/ask'],
  ['pageferry/answer', 'pageferry/ask'],
  ['shared-mmap/sender', 'shared-mmap/receiver'],
  ['shared-mmap/sender', 'shared-mmap/worker'],
  ['shared-mmap/sender', 'shared-mmap/main'],
  ['shared-mmap/sender', 'shared-mmap/save'],
  ['shared-mmap/answering', 'shared-mmap/asking'],
  ['vmsplice-napi/sender', 'vmsplice-napi/receiver'],
  ['vmsplice-napi/sender', 'vmsplice-napi/save'],
  ['vmsplice-ffi/sender', 'vmsplice-ffi/receiver'],
  ['messages/answering', 'messages/asking'],
  ['doctor/sender', 'doctor/receiver'],
  ['doctor/answering', 'doctor/asking'],
  ['socket/sender', 'socket/receiver'],
  ['nats/sender', 'nats/receiver'],
  ['nats/answering', 'nats/asking'],
  ['bridge/bridge', 'bridge/sender', 'bridge/receiver'],
  ['streams/sending', 'streams/receiving'],
];

const programs = programsOf(ROOT);
const alone = programs
  .map(({ name }) => [name])
  .filter(([name = '']) => !ONLY_COMPILED.test(name) && !TOGETHER.flat().includes(name));

describe('the programs of the READMEs and the docs (11.11)', () => {
  let folder = '';
  let nats: NatsServer | undefined;

  beforeAll(async () => {
    if (hasNatsServer) nats = await NatsServer.start();
    folder = mkdtempSync(join(tmpdir(), 'pf-documentation-'));
    symlinkSync(join(EXAMPLES, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    for (const { file, source } of programs) {
      mkdirSync(dirname(join(folder, 'src', file)), { recursive: true });
      writeFileSync(join(folder, 'src', file), source);
    }
    copyFileSync(join(HARNESS, 'readers-own.d.ts'), join(folder, 'src', 'readers-own.d.ts'));
    const config = {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: {
        rootDir: 'src',
        outDir: 'dist',
        composite: false,
        declaration: false,
        declarationMap: false,
        allowJs: true,
        checkJs: true,
        noUnusedLocals: false, // They show what there is, and leave it to the reader.
        noPropertyAccessFromIndexSignature: false,
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      include: ['src'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  });

  afterAll(async () => {
    await nats?.remove();
    rmSync(folder, { recursive: true });
  });

  test('there are many', () => {
    expect(programs.length).toBeGreaterThan(40);
  });

  test('each says which file it is, and none forgets what became of a message (16.16)', () => {
    const shown = programs.filter(({ page }) => /README|getting-started|testing/.test(page));
    expect(shown.length).toBeGreaterThan(40);
    expect(shown.map(({ name }) => name).filter((name) => /program-/.test(name))).toEqual([]);
    const forgetful = shown.filter(({ source }) =>
      /^ *await [\w.]+\.(try)?[sS]end\(/m.test(source),
    );
    expect(forgetful.map(({ name }) => name)).toEqual([]);
  });

  test('all compile', { timeout: 60_000 }, () => {
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const { stdout, status } = spawnSync(tsc, ['-p', folder], { encoding: 'utf8' });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });

  const runs = [...TOGETHER, ...alone].map((names) => ({ names, title: names.join(' and ') }));
  test.for(runs)('$title', { timeout: 60_000 }, async ({ names, title }, { signal, skip }) => {
    skip(/^(nats|bridge)\//.test(title) && !hasNatsServer, 'there is no nats-server');
    const env = { ...process.env, XDG_RUNTIME_DIR: folder, NATS_URL: nats?.url };
    const ends = names.map(async (name) => {
      const file = programs.find((program) => program.name === name)?.file ?? '';
      const path = join(folder, 'dist', file.replace(/ts$/, 'js'));
      const program = spawn(process.execPath, [path], {
        env,
        cwd: dirname(path),
        stdio: ['ignore', 'pipe', 'pipe'],
        signal,
        killSignal: 'SIGKILL',
      });
      const output = text(program.stdout);
      const errors = text(program.stderr);
      const [status] = await once(program, 'close');
      await output;
      return {
        name,
        status,
        errors: (await errors).replace(/^.*ExperimentalWarning.*\n.*\n/gm, ''),
      };
    });
    expect(await Promise.all(ends)).toEqual(names.map((name) => ({ name, status: 0, errors: '' })));
  });
});
