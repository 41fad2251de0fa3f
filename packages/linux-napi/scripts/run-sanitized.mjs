/**
 * Runs a program of Node with the addon compiled with AddressSanitizer and UndefinedBehaviorSanitizer, and looks for leaks
 * when it has ended.
 *
 * node scripts/run-sanitized.mjs PROGRAM [its arguments]
 */
import { buildSanitized, runSanitized } from './sanitized.js';

buildSanitized();
await runSanitized(process.argv.slice(2), { detectLeaks: true });
console.log('no sanitizer has anything to say');
