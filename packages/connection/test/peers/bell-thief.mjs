// @ts-check
// Two threads with one bell that blocks: one drains it, the other rings it and takes the ring away again, at another moment
// each time. Tells how many rounds have come to their end. Where the thief can get between a look at the bell and the read,
// nothing is told: nobody rings any more.
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Doorbell } from '@pageferry/connection';
import { OwnedFd, RWF_NOWAIT } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { loiter } from '@pageferry/testkit/sleeper';

const ROUNDS = 100_000;
const RUNG = 0;
const READY = 1;
const DONE = 2;

const calls = loadLinuxCalls();

/** @param {Int32Array} words @param {number} place @param {number} round */
function waitFor(words, place, round) {
  for (let spins = 0; Atomics.load(words, place) < round; spins++) {
    if (spins % 100 === 99) calls.schedYield();
  }
}

if (isMainThread) {
  const words = new Int32Array(new SharedArrayBuffer(12));
  const bell = new Doorbell(calls, new OwnedFd(calls, calls.eventfd(0, 0)));
  const thief = new Worker(new URL(import.meta.url), { workerData: { words, fd: bell.fd.fd } });
  await new Promise((resolve) => thief.once('online', resolve));
  for (let round = 1; round <= ROUNDS; round++) {
    waitFor(words, RUNG, round);
    Atomics.store(words, READY, round);
    bell.drain();
    Atomics.store(words, DONE, round);
  }
  await new Promise((resolve) => thief.once('exit', resolve));
  bell.close();
  process.send?.(ROUNDS);
  process.disconnect?.();
} else {
  const { words, fd } = workerData;
  const counter = new Uint8Array(8);
  const one = new Uint8Array(new BigUint64Array([1n]).buffer);
  for (let round = 1; round <= ROUNDS; round++) {
    calls.write(fd, one, 0, 8);
    Atomics.store(words, RUNG, round);
    waitFor(words, READY, round);
    loiter(round);
    calls.preadv2(fd, counter, 0, 8, RWF_NOWAIT);
    waitFor(words, DONE, round);
  }
}
