// Terminates threads, each in the middle of calls of the addon that make or use objects: nothing can be thrown there any more. A
// process that is still there in the end prints how many it has terminated.
import { once } from 'node:events';
import process from 'node:process';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const THREADS = 60;
const PAGE = 4096;

if (isMainThread) {
  for (let count = 0; count < THREADS; count++) {
    const worker = new Worker(new URL(import.meta.url));
    // Every third one while it loads the addon, and the others at another moment each.
    await once(worker, count % 3 === 0 ? 'online' : 'message');
    for (let turn = 0; turn < count % 7; turn++) await new Promise(setImmediate);
    await worker.terminate();
  }
  process.stdout.write(`${THREADS}`);
} else {
  const calls = loadLinuxCalls();
  const fd = calls.eventfd(0, 0);
  calls.closeAtThreadEnd(fd, true);
  parentPort?.postMessage('begun');
  for (;;) {
    const watcher = calls.watch(fd, 1, () => undefined);
    if (typeof watcher === 'object') {
      watcher.update(4);
      watcher.unref();
      watcher.close();
    }
    const buffer = calls.mmap(PAGE, 3, 0x22, -1, 0);
    if (typeof buffer !== 'object') continue;
    const alias = calls.alias(buffer, 0, PAGE);
    if (typeof alias === 'object') calls.detach(alias);
    calls.munmap(buffer);
  }
}
