#!/usr/bin/env node
/**
 * Compiles the addon for this machine, and says nothing unless that fails.
 *
 *   pageferry-build-addon            to build/Release of this package, where it comes before a prebuilt one
 *   pageferry-build-addon FILE       to a file, for PAGEFERRY_LINUX_NAPI_ADDON
 *
 * And in the repository:
 *
 *   --strict     a warning is an error
 *   --sanitize   to build-sanitize, with AddressSanitizer and UndefinedBehaviorSanitizer
 *
 * The environment chooses the compiler (CXX) and further flags (CXXFLAGS, LDFLAGS).
 */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileAddon } from './compile.js';

const SANITIZERS = [
  '-g',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined',
  '-fno-sanitize=vptr',
  '-fno-sanitize-recover=all',
];

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { strict: { type: 'boolean' }, sanitize: { type: 'boolean' } },
});

if (process.platform !== 'linux') {
  console.log('@pageferry/linux-napi: nothing to build, the addon is for Linux only');
  process.exit(0);
}

const compiler = words(process.env.CXX ?? 'g++');
if (spawnSync(compiler[0], ['--version']).status !== 0) {
  fail(
    `there is no C++ compiler (looked for ${compiler[0]}). Install g++ (Debian, Ubuntu: ` +
      'apt-get install g++), or set CXX.',
  );
}

const folder = join(packageFolder, values.sanitize ? 'build-sanitize' : 'build');
const [file = join(folder, 'Release/linux_napi.node')] = positionals;
try {
  await compileAddon({
    compiler,
    output: resolve(file),
    objects: join(folder, 'objects'),
    strict: values.strict,
    flags: values.sanitize ? SANITIZERS : [],
    compileFlags: words(process.env.CXXFLAGS),
    linkFlags: words(process.env.LDFLAGS),
  });
} catch (error) {
  fail(error.message);
}

function words(text = '') {
  return text.split(' ').filter((word) => word !== '');
}

function fail(message) {
  console.error(`@pageferry/linux-napi: cannot build the addon: ${message}`);
  process.exit(1);
}
