// threads.js: one thread receives, two others read what it got, without a copy, and each says when it is done
import { once } from 'node:events';
import process from 'node:process';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { openShared, sharedMmap } from '@pageferry/shared-mmap';

async function main(endpoint = `threads-${process.pid}`) {
  const sender = await sharedMmap.createSender({ endpoint });
  const receiver = await sharedMmap.createReceiver({ endpoint, sharedToThreads: true });
  await sender.waitForReceivers();
  await sender.send(new Uint8Array(8 * 1024 * 1024).fill(7));

  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
  const delivery = await receiver.receive();
  const answers = workers.map((worker) => {
    worker.postMessage(delivery?.forThreads()); // A hold for each thread.
    return once(worker, 'message');
  });
  delivery?.release(); // The hold that it came with.
  await sender.flush(); // Until the last of them has released it.
  for (const [sum] of await Promise.all(answers)) console.log(sum);
  await receiver.close();
  await sender.close();
}

function worker() {
  parentPort?.once('message', (message) => {
    const delivery = openShared(message);
    let sum = 0;
    for (const byte of delivery.bytes) sum += byte; // The sender's own pages: for reading.
    delivery.release();
    parentPort?.postMessage(sum);
  });
}

await (isMainThread ? main() : worker());
