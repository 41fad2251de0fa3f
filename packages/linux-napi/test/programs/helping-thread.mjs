// Copies until a thread of its own was seen that may not run on every processor that this program may run on. Prints how
// many processors that one may use less, and whether this thread may still run everywhere.
import { readdirSync, readFileSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const BYTES = 64 * 2 ** 20;
const PATIENCE = 30_000; // Milliseconds.

/** @param {string} task */
function processorsOf(task) {
  const status = readFileSync(`/proc/self/task/${task}/status`, 'utf8');
  const [, mask = ''] = /Cpus_allowed:\s*([\da-f,]+)/.exec(status) ?? [];
  const bits = BigInt(`0x${mask.replaceAll(',', '')}`).toString(2);
  return [...bits].filter((bit) => bit === '1').length;
}

if (isMainThread) {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const before = processorsOf(`${process.pid}`);
  const watcher = new Worker(new URL(import.meta.url), { workerData: { state, before } });
  const [source, target] = [new Uint8Array(BYTES), new Uint8Array(BYTES)];
  const { copyPastCache } = loadLinuxCalls();
  const end = performance.now() + PATIENCE;
  while (Atomics.load(state, 0) === 0 && performance.now() < end) {
    copyPastCache(target, 0, BYTES, source, 0, BYTES);
  }
  Atomics.store(state, 1, 1);
  const isFree = processorsOf(`${process.pid}`) === before;
  await new Promise((resolve) => watcher.once('exit', resolve));
  console.log(JSON.stringify({ fewer: state[0], isFree }));
} else {
  /** @type {{ state: Int32Array, before: number }} */
  const { state, before } = workerData;
  while (Atomics.load(state, 0) === 0 && Atomics.load(state, 1) === 0) {
    for (const task of readdirSync('/proc/self/task')) {
      try {
        const fewer = before - processorsOf(task);
        if (fewer > 0) Atomics.store(state, 0, fewer);
      } catch {
        // It has ended.
      }
    }
  }
}
