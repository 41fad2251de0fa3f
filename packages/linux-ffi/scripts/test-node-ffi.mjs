/**
 * Runs the tests of this package and of vmsplice-ffi on a Node that has node:ffi, which those of the
 * node driver need. The build must be up to date (`pnpm build`).
 *
 * node scripts/test-node-ffi.mjs [vitest arguments]
 *
 * The Node is this one if it will do, else the one that the environment variable
 * `PAGEFERRY_NODE_WITH_FFI` names, else a release from the npm registry, which npx downloads once.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first release line in which node:ffi is on by default; experimental, so one that was tried. */
const RELEASE = '26.10.0';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const tests = ['packages/linux-ffi/', 'packages/vmsplice-ffi/'];
const args = [vitest, 'run', '--root', join(packageFolder, '../..'), ...tests];
const [program, ...first] = findNode();

const { status } = spawnSync(program, [...first, ...args, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;

function findNode() {
  if (process.getBuiltinModule('node:ffi') !== undefined) return [process.execPath];
  const { PAGEFERRY_NODE_WITH_FFI: chosen } = process.env;
  if (chosen) return [chosen];
  return ['npx', '-y', `--package=node-linux-${process.arch}@${RELEASE}`, '--', 'node'];
}
