/**
 * The addon with AddressSanitizer and UndefinedBehaviorSanitizer, and programs that run with it. Whatever a sanitizer
 * finds ends the process.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const CHECKS = 'abort_on_error=1:detect_stack_use_after_return=1';
// What koffi keeps of its types is 20 KiB when Node ends, after 40 opens and after 2000.
const suppressions = join(packageFolder, 'scripts/leaks-of-others.supp');
const { CXX: compiler = 'g++' } = process.env;

/** Compiles the addon for {@link runSanitized}. */
export function buildSanitized() {
  const build = join(packageFolder, 'scripts/build-addon.mjs');
  execFileSync(process.execPath, [build, '--sanitize'], { stdio: 'inherit' });
}

/**
 * Runs Node with the addon that {@link buildSanitized} has compiled. Ends this process if that fails.
 *
 * @param {readonly string[]} nodeArguments
 * @param {{ detectLeaks: boolean }} what whether whatever is left at the end is a failure. A process that calls
 *   process.exit(), as some tests do, leaves Node's own objects behind.
 */
export function runSanitized(nodeArguments, { detectLeaks }) {
  // Node is not sanitized itself, so the library has to be there before it starts.
  const library = execFileSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const env = {
    ...process.env,
    LD_PRELOAD: library.trim(),
    PAGEFERRY_LINUX_NAPI_ADDON: join(packageFolder, 'build-sanitize/Release/linux_napi.node'),
    ASAN_OPTIONS: `${CHECKS}:detect_leaks=${detectLeaks ? 1 : 0}`,
    LSAN_OPTIONS: `suppressions=${suppressions}`,
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  };
  const { status } = spawnSync(process.execPath, nodeArguments, { env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
