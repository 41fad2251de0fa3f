import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The bundler that the repository has. `pnpm test:install --only bundlers` tries the others.
const SURROUNDINGS = fileURLToPath(new URL('surroundings/', import.meta.url));
const PACKAGES = fileURLToPath(new URL('../packages/', import.meta.url));
const ADDON = join(PACKAGES, 'linux-napi/build/Release/linux_napi.node');
const KOFFI = createRequire(join(PACKAGES, 'linux-ffi/package.json')).resolve(
  `@koromix/koffi-linux-${process.arch}/package.json`,
);
const LINUX = createRequire(join(PACKAGES, 'linux-napi/package.json')).resolve('@pageferry/linux');
const FORMATS = ['es', 'cjs'] as const;

interface Said {
  readonly chosen: string;
  readonly reasons: readonly string[];
  readonly asked: string;
  readonly crossed: Readonly<Record<string, string>>;
  readonly nodeFfi: string;
  readonly findings: readonly string[];
  readonly evidence: readonly string[];
}

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pf-bundles-')));
const fileOf = (format: string): string =>
  join(folder, format, 'dist', format === 'cjs' ? 'app.cjs' : 'app.mjs');

/** Runs it away from the repository, and takes what it says. */
async function run(file: string): Promise<Said> {
  const { PAGEFERRY_LINUX_NAPI_ADDON: _, NODE_PATH: __, NODE_OPTIONS: ___, ...env } = process.env;
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { ...env, PROJECT_FOLDER: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  await once(child, 'close');
  const [stdout, stderr] = await output;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe.runIf(process.platform === 'linux')('a bundle', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const build = await rolldown({
      input: join(SURROUNDINGS, 'projects/bundled/app.js'),
      platform: 'node',
      logLevel: 'silent',
    });
    for (const format of FORMATS) {
      const dir = dirname(fileOf(format));
      const ending = format === 'cjs' ? 'cjs' : 'mjs';
      const names = {
        entryFileNames: `[name].${ending}`,
        chunkFileNames: `[name]-[hash].${ending}`,
      };
      await build.write({ dir, format, ...names });
      writeFileSync(join(dir, '../package.json'), '{ "name": "project" }');
    }
    await build.close();
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  describe.each(FORMATS)('in the format %s', (format) => {
    test('says that it has no addon, and neither throws when it is loaded nor calls it not installed', async () => {
      const { chosen, reasons, crossed, nodeFfi, findings } = await run(fileOf(format));
      expect(chosen).toBe('socket');
      expect(crossed).toMatchObject({ socket: 'crossed' });
      const bundled = /the package was bundled into .*"external".*linux_napi\.node/;
      for (const name of ['shared-mmap', 'vmsplice-napi']) {
        expect(crossed[name]).toMatch(bundled);
        expect(reasons.find((reason) => reason.startsWith(name))).toMatch(bundled);
      }
      expect(reasons.join()).not.toMatch(/not installed,/);
      expect(nodeFfi).toMatch(/^BINDING_UNAVAILABLE .* bundled without splice-worker\.js/);
      expect(findings.join()).toMatch(/the doctor was bundled without its programs/);
    });

    test('works with the files beside it, over every backend, and takes the best one', async () => {
      const dist = dirname(fileOf(format));
      copyFileSync(ADDON, join(dist, 'linux_napi.node'));
      copyFileSync(
        join(dirname(KOFFI), `linux_${process.arch}/koffi.node`),
        join(dist, 'koffi.node'),
      );
      const { chosen, asked, crossed, evidence } = await run(fileOf(format));
      expect(chosen).toBe('shared-mmap');
      expect(asked).toBe('shared-mmap');
      expect(crossed).toEqual({
        'shared-mmap': 'crossed',
        socket: 'crossed',
        'vmsplice-ffi': 'crossed',
        'vmsplice-napi': 'crossed',
      });
      // Without its programs, the doctor looks twice itself.
      expect(evidence.join()).toMatch(/a second look/);
      expect(evidence.join()).not.toMatch(/the other process/);
    });

    test('finds the package of its platform where it would be installed', async () => {
      rmSync(join(dirname(fileOf(format)), 'linux_napi.node'));
      const { glibcVersion }: { glibcVersion(): string | undefined } = await import(LINUX);
      const libc = glibcVersion() === undefined ? 'musl' : 'gnu';
      const name = `@pageferry/linux-napi-linux-${process.arch}-${libc}`;
      const installed = join(folder, format, 'node_modules', name);
      mkdirSync(installed, { recursive: true });
      copyFileSync(ADDON, join(installed, 'linux_napi.node'));
      expect((await run(fileOf(format))).chosen).toBe('shared-mmap');
    });
  });
});
