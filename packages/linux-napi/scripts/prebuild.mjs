/**
 * Copies the addon that was compiled last to where a published package has it, under the name that
 * node-gyp-build looks for: prebuilds/linux-x64/linux_napi.glibc.node
 *
 * node scripts/prebuild.mjs
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = join(packageFolder, 'build/Release/linux_napi.node');

if (process.platform !== 'linux' || !existsSync(built)) {
  console.error(
    '@pageferry/linux-napi: no addon to copy; run `node scripts/build-addon.mjs` first',
  );
  process.exit(1);
}

// node-gyp-build takes a musl system for one that has this file; Node says what it is linked to.
const { glibcVersionRuntime } = process.report.getReport().header;
const libc = glibcVersionRuntime === undefined ? 'musl' : 'glibc';
const folder = join(packageFolder, 'prebuilds', `linux-${process.arch}`);
const target = join(folder, `linux_napi.${libc}.node`);

mkdirSync(folder, { recursive: true });
copyFileSync(built, target);
console.log(target);
