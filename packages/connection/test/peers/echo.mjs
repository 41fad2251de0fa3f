// @ts-check
// The receiving side of the test for lost wake-ups: answers each message, and takes each byte, as
// soon as it sees them. Waits parked on its event loop, or spins for a random time before it parks.
import {
  AdaptiveWaits,
  ControlMemory,
  createEntry,
  Doorbell,
  PLAIN_RECEIVER,
  ReceiverConnection,
} from '@pageferry/connection';
import { LoopBudget } from '@pageferry/core';
import { OwnedFd, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';

const [longestSpin = '0'] = process.argv.slice(2);
const calls = loadLinuxCalls();
// A yield would let the other process answer before this one parks.
const impatient = { ...calls, schedYield: () => 0 };
const own = (/** @type {number} */ fd) => new OwnedFd(calls, fd);
/** Words of a mechanism, and the bit of what its sender waits for. */
const COUNTER = { produced: 33, consumed: 65, waitsFor: 2 };
const parts = {
  memory: ControlMemory.open(calls, 4),
  senderBell: new Doorbell(calls, own(5)),
  receiverBell: new Doorbell(calls, own(6)),
  socket: new UnixSocket(calls, own(7)),
};
const terms = { ...PLAIN_RECEIVER, senderCounters: [COUNTER.produced] };
const connection = new ReceiverConnection(parts, terms);
const { words, deliveries } = connection;
const waits = new AdaptiveWaits({
  calls: impatient,
  budget: new LoopBudget(Number(longestSpin) / 8),
  get spinMicroseconds() {
    return Math.random() * Number(longestSpin);
  },
  arm: () => connection.park(),
});
connection.watch(calls, {
  onRing: () => waits.wake(),
  onHangUp: () => process.exit(0),
});
process.send?.('ready');

/** Goes on at no foreseeable moment. */
function loiter() {
  const end = performance.now() + Math.random() * 0.06;
  while (performance.now() < end);
}

const entry = createEntry();
let consumed = 0;
const left = () => Atomics.load(words, COUNTER.produced) - consumed;
/** @param {number} count */
function consume(count) {
  consumed += count;
  Atomics.store(words, COUNTER.consumed, consumed);
  connection.wakeSenderThatWaitsFor(COUNTER.waitsFor);
}
for (;;) {
  await waits.until(() => deliveries.available() > 0 || left() > 0);
  if (left() > 1) {
    // In two parts, so that the other side may be woken in vain, and about to park for the second.
    consume(1);
    loiter();
  }
  if (left() > 0) consume(left());
  if (deliveries.available() === 0) continue;
  deliveries.shift(entry);
  connection.giveBack(entry[0] ?? 0, 0);
}
