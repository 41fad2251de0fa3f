// @ts-check
// Receives a message, gives it to a thread that never stops reading it, and ends: `program ENDPOINT HOW`.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = '', how] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint, sharedToThreads: true });
const delivery = await receiver.receive();
const reading = new Worker(
  `const { parentPort } = require('node:worker_threads');
  parentPort.once('message', ({ bytes }) => {
    parentPort.postMessage('reads');
    for (let sum = 0; ; ) for (const byte of bytes) sum += byte;
  });`,
  { eval: true },
);
reading.postMessage(delivery?.forThreads());
await once(reading, 'message');
process.exitCode = 7;
if (how === 'exit') process.exit();
reading.unref();
receiver.unref();
