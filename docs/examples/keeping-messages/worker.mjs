// Hands what arrives to a worker thread that compresses and saves it: node worker.mjs ENDPOINT FILE
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { sharedMmap } from '@pageferry/shared-mmap';

if (isMainThread) {
  const [endpoint = 'ferry', path = 'arrived.gz'] = process.argv.slice(2);

  const worker = new Worker(new URL(import.meta.url), { workerData: path });
  const ended = new AbortController();
  worker.once('exit', () => ended.abort()); // Its answer would not come. (Its errors are thrown here.)
  const receiver = await sharedMmap.createReceiver({ endpoint });
  for (;;) {
    const deliveries = await receiver.receiveMany(64, { signal: ended.signal });
    if (deliveries.length === 0) break; // The sender has closed.
    // Memory of their own. (`delivery.copy()` may share its memory with other small buffers.)
    const copies = deliveries.map((delivery) => new Uint8Array(delivery.bytes));
    for (const delivery of deliveries) delivery.release();

    const done = once(worker, 'message', { signal: ended.signal });
    worker.postMessage(
      copies,
      copies.map((copy) => copy.buffer), // Moves the copies: they are not copied once more.
    );
    await done; // What the worker has not got to yet does not pile up.
  }
  worker.postMessage([]);
  await once(worker, 'exit');
  await receiver.close();
} else {
  const fd = openSync(workerData, 'w');
  parentPort?.on('message', (/** @type {Uint8Array[]} */ messages) => {
    for (const message of messages) writeFileSync(fd, gzipSync(message));
    parentPort?.postMessage('done');
    if (messages.length > 0) return;
    closeSync(fd);
    parentPort?.close();
  });
}
