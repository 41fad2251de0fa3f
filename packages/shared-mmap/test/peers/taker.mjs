// @ts-check
// The consuming side of the test in which two threads race for the entries of a queue.
import { parentPort, workerData } from 'node:worker_threads';
import { ClaimableConsumer } from '../../dist/queue/claimable-queue.js';

const TAKEN = 1;
const { words, place, fates, end } = workerData;
const consumer = new ClaimableConsumer(words, place);
const entry = new Int32Array(6);
parentPort?.postMessage('ready');

let taken = 0;
let wrong = 0;
let last = -1;
for (;;) {
  const available = consumer.available();
  if (!consumer.claim(entry, available)) {
    // Everything was pushed, and nothing is left.
    if (Atomics.load(end, 0) >= 0 && consumer.available() === 0) break;
    continue;
  }
  const number = /** @type {number} */ (entry[0]);
  const whole = entry[1] === (number ^ 0x5555) && entry[2] === -number && entry[3] === 7;
  if (!whole || number <= last || fates[number] !== 0) wrong++;
  fates[number] = TAKEN;
  last = number;
  taken++;
}
parentPort?.postMessage({ taken, wrong });
