/**
 * The addon with AddressSanitizer and UndefinedBehaviorSanitizer, and programs that run with it. Whatever a sanitizer
 * finds ends the process.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const CHECKS = 'abort_on_error=1:detect_stack_use_after_return=1';
// What koffi keeps of its types is 20 KiB when Node ends, however often something was opened. More would be somebody's leak.
const suppressions = join(packageFolder, 'scripts/leaks-of-others.supp');
const MOST_SUPPRESSED = 32 * 1024;
/** So much of what it says at the end is looked at, in characters. */
const REPORT = 64 * 1024;
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
export async function runSanitized(nodeArguments, { detectLeaks }) {
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
  const child = spawn(process.execPath, nodeArguments, {
    env,
    stdio: ['inherit', 'inherit', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    process.stderr.write(text);
    said = (said + text).slice(-REPORT);
  });
  const [status] = await once(child, 'close');
  if (status !== 0) process.exit(status ?? 1);
  for (const [, bytes] of said.matchAll(/^ +\d+ +(\d+) koffi\.node$/gm)) {
    if (Number(bytes) <= MOST_SUPPRESSED) continue;
    console.error(`${bytes} bytes that koffi has allocated are left: more than it keeps itself`);
    process.exit(1);
  }
}
