// Round trips of a program in C that asks, both sides asleep while they wait: to one in C, and to Node. Each side keeps to one
// processor, both to the same one or to two: where they are moved about, that decides, and nothing else.
// `node round-trips.mjs [ROUNDS [COUNT [BYTES]]]`, after `pnpm build`.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const [rounds = 7, count = 20_000, bytes = 64] = process.argv.slice(2).map(Number);
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
const program = join(folder, 'round-trips');
const run = promisify(execFile);

/** Those that this process may run on, as /proc/self/status lists them: 0-3,6. */
const [, allowed = '0'] =
  /Cpus_allowed_list:\s*(.*)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
const processors = allowed.split(',').flatMap((each) => {
  const [from = 0, to = from] = each.split('-').map(Number);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
});

/**
 * Microseconds for a round trip.
 *
 * @param {readonly number[]} processors of who asks and of who answers.
 * @param {string} command
 * @param {readonly string[]} args of who answers, up to the endpoint.
 */
async function measure([first, second], command, args) {
  const endpoint = join(folder, 'endpoint');
  const pinned = (/** @type {number | undefined} */ to) => ['--cpu-list', String(to)];
  const answering = spawn('taskset', [...pinned(second), command, ...args, endpoint], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(answering, 'exit');
  while (!existsSync(endpoint)) await setTimeout(5);
  const asking = [program, 'ask', endpoint, `${count}`, `${bytes}`];
  const { stdout } = await run('taskset', [...pinned(first), ...asking]);
  await ended;
  return Number(stdout);
}

/** @param {readonly number[]} values */
function range(values) {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}

try {
  const files = [join(here, 'round-trips.c'), join(here, '../pageferry.c')];
  execFileSync('cc', ['-std=gnu11', '-O2', '-I', join(here, '..'), ...files, '-o', program]);
  const places = [
    ['on two processors', processors.slice(0, 2)],
    ['on one processor', [processors[0] ?? 0, processors[0] ?? 0]],
  ].filter(([, where]) => where.length === 2);
  const results = places.map(() => /** @type {{ toC: number, toNode: number }[]} */ ([]));
  for (let round = 0; round < rounds; round++) {
    for (const [index, [, where]] of places.entries()) {
      results[index]?.push({
        toC: await measure(where, program, ['serve']),
        toNode: await measure(where, process.execPath, [join(here, 'serving.mjs')]),
      });
    }
  }
  console.log(`questions of ${bytes} bytes, ${count} in a round, ${rounds} rounds; microseconds`);
  for (const [index, [place]] of places.entries()) {
    const all = results[index] ?? [];
    console.log(`${place}`);
    console.log(`  C to C, and back      ${range(all.map(({ toC }) => toC))}`);
    console.log(`  C to Node, and back   ${range(all.map(({ toNode }) => toNode))}`);
    console.log(`  times as long         ${range(all.map(({ toC, toNode }) => toNode / toC))}`);
  }
  console.log('1.3 times as long at most is wanted');
} finally {
  rmSync(folder, { recursive: true });
}
