import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../scripts/release/commands.js';
import { packRelease, ROOT } from '../scripts/release/pack.js';
import { environmentFor, publishOnLoopback } from '../scripts/test-install/packed.js';
import { compileReadme, runReadme } from '../scripts/test-install/readme.js';

// A part of `pnpm test:install`, which needs no network: the packages are built from nothing, packed, published into a
// registry on loopback that answers for nothing else, and installed from there. The addon is the one that is built
// here, because those for all platforms take minutes to build.
const ADDON = join(ROOT, 'packages/linux-napi/build/Release/linux_napi.node');

describe('what a release publishes', { timeout: 480_000 }, () => {
  let folder = '';
  let registry: Awaited<ReturnType<typeof publishOnLoopback>>;

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'pf-install-test-')));
    const packing = { platforms: [], only: '@pageferry/shared-mmap' };
    const tarballs = await packRelease(join(folder, 'tarballs'), packing);
    registry = await publishOnLoopback(tarballs, folder, { isAlone: true });
  }, 480_000);

  afterAll(async () => {
    await registry?.close();
    rmSync(folder, { recursive: true });
  });

  test("is installed by npm, and runs the README's two files", async () => {
    const env = {
      ...environmentFor(registry, folder),
      PAGEFERRY_LINUX_NAPI_ADDON: ADDON,
    };
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    await run(['npm', 'install', '@pageferry/shared-mmap'], { cwd: folder, env });
    const tsc = [join(ROOT, 'node_modules/.bin/tsc')];
    await compileReadme(folder, { tsc, typeRoots: [join(ROOT, 'node_modules/@types')] });
    await expect(runReadme(folder, { node: [process.execPath], env })).resolves.toBe(undefined);
  });
});
