/**
 * Checks by what is written in the file that a prebuilt addon is what its package says: processor, C library,
 * the versions that it wants of it, stripped. A package is not packed without.
 *
 * node scripts/check-prebuild.mjs [linux-x64-gnu ...]     all of them unless named
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readElf } from '../dist/addon/elf.js';
import { faultsOf, TARGETS } from '../dist/addon/targets.js';

const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(TARGETS)) {
  const path = fileURLToPath(new URL(`../npm/${name}/linux_napi.node`, import.meta.url));
  const faults = check(path, TARGETS[name]);
  for (const fault of faults) console.error(`${path}: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

function check(path, target) {
  if (target === undefined) return ['there is no such platform'];
  try {
    return faultsOf(readElf(readFileSync(path)), target);
  } catch (error) {
    return [`${error.message} (it is made by \`pnpm --filter @pageferry/linux-napi prebuilds\`)`];
  }
}
