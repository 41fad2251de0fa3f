// @ts-check
// A thread that opens the deliveries which it is sent, and keeps them until it is told what to do with them. Each
// command is answered with the numbers and the first bytes of what it has then.
import { parentPort } from 'node:worker_threads';
import { openShared } from '@pageferry/shared-mmap';

/** @type {import('@pageferry/shared-mmap').ThreadDelivery[]} */
let kept = [];

parentPort?.on('message', ({ command, shared }) => {
  if (command === 'open') kept.push(openShared(shared));
  if (command === 'release') kept.shift()?.release();
  if (command === 'forget') kept = [];
  if (command === 'end') process.exit(0);
  parentPort?.postMessage(kept.map(({ sequence, bytes }) => [sequence, bytes[0], bytes.at(-1)]));
});
