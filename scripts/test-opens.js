// Opens and closes everything over and over: `pnpm test:opens [--rounds N] [--backend NAME]`. Once with Node as it is, to see whether
// memory grows, and once with the addon under AddressSanitizer and LeakSanitizer, to see whether something is left.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const fileOf = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const opens = fileOf('../apps/faults/dist/opens/main.js');
const sanitized = fileOf('../packages/linux-napi/scripts/run-sanitized.mjs');
const words = process.argv.slice(2);

for (const program of [[opens], [sanitized, opens]]) {
  try {
    execFileSync(process.execPath, [...program, ...words], { stdio: 'inherit' });
  } catch {
    // It has said why.
    process.exitCode = 1;
  }
}
