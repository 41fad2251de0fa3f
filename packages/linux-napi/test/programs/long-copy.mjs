// Copies what is long enough for a second thread, and checks every byte: `long-copy.mjs [no-threads]`. With `no-threads` this
// process may not start one. Prints the answer of each copy, and whether its bytes are right.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const NOBODY = 65_534;
const MIB = 2 ** 20;

const calls = loadLinuxCalls();
if (process.argv[2] === 'no-threads') {
  // It holds for ordinary users alone, and this one has its threads already.
  execFileSync('prlimit', ['--pid', `${process.pid}`, '--nproc=1:1']);
  process.setuid?.(NOBODY);
}

const source = new Uint8Array(21 * MIB);
for (let at = 0; at < source.length; at++) source[at] = (at * 31 + (at >> 12)) % 251;
const copies = [
  { length: 8 * MIB, from: 0, to: 0 },
  { length: 20 * MIB, from: 3, to: 0 },
  { length: 16 * MIB + 1, from: 0, to: 61 },
  { length: 20 * MIB - 65, from: 64, to: 1 },
].map(({ length, from, to }) => {
  const target = Buffer.alloc(to + length + 1, 255);
  const answer = calls.copyPastCache(target, to, length, source, from, length);
  const isWhole = target.subarray(to, to + length).equals(source.subarray(from, from + length));
  const isLeftAlone = target.subarray(0, to).every((byte) => byte === 255) && target.at(-1) === 255;
  return { answer, isWhole, isLeftAlone };
});
process.stdout.write(JSON.stringify(copies));
