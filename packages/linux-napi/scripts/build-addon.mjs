/**
 * Compiles the addon with node-gyp, and says nothing unless that fails.
 *
 * node scripts/build-addon.mjs              to build/Release
 * node scripts/build-addon.mjs --sanitize   to build-sanitize/build/Release, with AddressSanitizer
 *                                           and UndefinedBehaviorSanitizer
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const sanitize = process.argv.includes('--sanitize');

if (process.platform !== 'linux') {
  console.log('@pageferry/linux-napi: nothing to build, the addon is for Linux only');
  process.exit(0);
}

const { CXX: compiler = 'g++' } = process.env;
if (spawnSync(`${compiler} --version`, { shell: true }).status !== 0) {
  fail(
    `there is no C++ compiler (looked for ${compiler}). Install g++ and make (Debian, Ubuntu: ` +
      'apt-get install g++ make python3), or set CXX.',
  );
}

const gypFolder = sanitize ? copySources(join(packageFolder, 'build-sanitize')) : packageFolder;
const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
const options = ['--release', '-C', gypFolder];
// An installed Node comes with its headers: with these, nothing has to be downloaded.
const nodeFolder = join(dirname(process.execPath), '..');
if (existsSync(join(nodeFolder, 'include/node/node_api.h')))
  options.push(`--nodedir=${nodeFolder}`);

// Not `rebuild`: that would take a working addon away before it knows whether there will be another.
for (const step of ['configure', 'build']) {
  const args = [nodeGyp, step, ...options];
  if (sanitize && step === 'configure') args.push('--', '-Dsanitize=true');
  const result = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) continue;
  process.stderr.write(`${result.stdout}${result.stderr}`);
  fail('node-gyp failed; its output is above.');
}

/** node-gyp knows one build folder per project, so a second kind of build gets a second project. */
function copySources(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const source of ['binding.gyp', 'native']) {
    cpSync(join(packageFolder, source), join(folder, source), { recursive: true });
  }
  return folder;
}

function fail(message) {
  console.error(`@pageferry/linux-napi: cannot build the addon: ${message}`);
  process.exit(1);
}
