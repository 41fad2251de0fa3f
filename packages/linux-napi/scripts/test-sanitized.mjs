/**
 * Compiles the addon with AddressSanitizer and UndefinedBehaviorSanitizer, and runs this package's
 * tests against it, and then looks for leaks. Whatever a sanitizer finds ends the process, and so
 * fails the test.
 *
 * node scripts/test-sanitized.mjs [vitest arguments]
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSanitized, runSanitized } from './sanitized.js';

const packageFolder = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

buildSanitized();
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const root = join(packageFolder, '../..');
const args = [vitest, 'run', '--root', root, 'packages/linux-napi/', ...process.argv.slice(2)];
await runSanitized(args, { detectLeaks: false });
await runSanitized(['--expose-gc', join(packageFolder, 'scripts/leak-check.mjs')], {
  detectLeaks: true,
});
console.log('no sanitizer has anything to say');
