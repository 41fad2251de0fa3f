/**
 * Compiles the addon with AddressSanitizer and UndefinedBehaviorSanitizer, and runs this package's
 * tests against it, and then looks for leaks. Whatever a sanitizer finds ends the process, and so
 * fails the test.
 *
 * node scripts/test-sanitized.mjs [vitest arguments]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const CHECKS = 'abort_on_error=1:detect_stack_use_after_return=1';
const { CXX: compiler = 'g++' } = process.env;

const build = join(packageFolder, 'scripts/build-addon.mjs');
execFileSync(process.execPath, [build, '--sanitize'], { stdio: 'inherit' });

// Node is not sanitized itself, so the library has to be there before it starts.
const library = execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' });
const environment = {
  ...process.env,
  LD_PRELOAD: library.trim(),
  PAGEFERRY_LINUX_NAPI_ADDON: join(packageFolder, 'build-sanitize/Release/linux_napi.node'),
  // A process that calls process.exit(), as some tests do, leaves Node's own objects behind.
  ASAN_OPTIONS: `${CHECKS}:detect_leaks=0`,
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
};

const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const root = join(packageFolder, '../..');
const args = [vitest, 'run', '--root', root, 'packages/linux-napi/', ...process.argv.slice(2)];
run(args, environment);

const leakCheck = join(packageFolder, 'scripts/leak-check.mjs');
run(['--expose-gc', leakCheck], { ...environment, ASAN_OPTIONS: `${CHECKS}:detect_leaks=1` });
console.log('no sanitizer has anything to say');

function run(nodeArguments, env) {
  const { status } = spawnSync(process.execPath, nodeArguments, { env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
