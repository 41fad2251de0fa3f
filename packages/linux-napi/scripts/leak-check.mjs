/**
 * Uses whatever allocates in the addon, many times over, then ends in an orderly way, on the main
 * thread and in a worker. LeakSanitizer looks at what is left; see test-sanitized.mjs.
 *
 * node --expose-gc scripts/leak-check.mjs
 */
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread, Worker } from 'node:worker_threads';
import { MAP_ANONYMOUS, MAP_PRIVATE, POLLIN, PROT_READ } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const calls = loadLinuxCalls();
const page = calls.pageSize();

/** One alias that is detached, and one that is left; writes that are explained, and then again. */
function use(mapping) {
  calls.detach(calls.alias(mapping, 0, page));
  calls.alias(mapping, 8, 8);
  for (const text of ['first', 'second']) {
    if (calls.explainWrites(mapping, new Int32Array(8), new Int32Array(10), text) !== 0)
      throw new Error(text);
  }
  return mapping;
}

/** One mapping that is unmapped, one that is left to the garbage collector, one that is refused. */
function map() {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  calls.munmap(use(calls.mmap(page, PROT_READ, flags, -1, 0)));
  use(calls.mmap(page, PROT_READ, flags, -1, 0));
  calls.mmap(2 ** 52, PROT_READ, flags, -1, 0);
}

/** A watcher that is called and closed, one that is refused, and one that is left open. */
async function watch(stayOpen) {
  const fd = calls.eventfd(1, 0);
  await new Promise((resolve) => {
    const watcher = calls.watch(fd, POLLIN, () => {
      calls.watch(fd, POLLIN, resolve);
      watcher.close();
      resolve();
    });
  });
  if (stayOpen) calls.watch(fd, POLLIN, () => {}).unref();
  else calls.close(fd);
}

for (let round = 0; round < 200; round++) {
  map();
  await watch(round % 20 === 0);
  await calls.writeOnThread(-1, new Uint8Array(16), 0, 16);
  try {
    calls.read('not a descriptor');
  } catch {
    // The exception is what is looked at.
  }
}
for (let round = 0; round < 10; round++) {
  globalThis.gc();
  await turn();
}
if (isMainThread) new Worker(new URL(import.meta.url));
