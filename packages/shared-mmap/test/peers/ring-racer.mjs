// @ts-check
// One side of the race between parking and publishing without a barrier for each message: `program ROLE ROUNDS
// SECONDS`. The sender publishes a message in the ring and waits for its return, the receiver waits for it and
// goes past it, each after a random moment. See ring-race.test.ts.
import {
  ControlMemory,
  Doorbell,
  PARKED,
  ReceiverConnection,
  SenderConnection,
  WAITS_FOR,
} from '@pageferry/connection';
import {
  globalExpeditedBarrier,
  OwnedFd,
  registerGlobalExpedited,
  UnixSocket,
} from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { loiter, Sleeper } from '@pageferry/testkit/sleeper';
import { RECEIVER_WORDS, RING } from '../../dist/layout.js';
import { RingConsumer, RingProducer } from '../../dist/queue/ring.js';

const [role, rounds = '0', seconds = '0', capacity = '0'] = process.argv.slice(2);
/** So many rounds are run at once, whatever the time. */
const STRETCH = 50_000;
const calls = loadLinuxCalls();
const own = (/** @type {number} */ fd) => new OwnedFd(calls, fd);
const senderBell = new Doorbell(calls, own(5));
const receiverBell = new Doorbell(calls, own(6));
const memory = ControlMemory.open(calls, 4);
const parts = { memory, senderBell, receiverBell, socket: new UnixSocket(calls, own(7)) };
const length = 4 * (RING.entries + 8 * Number(capacity));
// Both sides may write here: nothing is tried but the order of loads and stores.
const mapped = calls.mmap(length, 3, 1, 8, 0);
if (typeof mapped === 'number') throw new Error(`mmap: ${mapped}`);
const ring = { words: new Int32Array(mapped), capacity: Number(capacity) };
if (!registerGlobalExpedited(calls)) throw new Error('this kernel has no such barrier');

/** @param {Sleeper} sleeper */
function send(sleeper) {
  const connection = new SenderConnection(parts, { openQueue: () => undefined });
  const { words } = connection;
  const producer = new RingProducer(ring);
  producer.barrier = false;
  let round = 0;
  const isBack = () => Atomics.load(words, RECEIVER_WORDS.cursor) === ((round + 1) | 0);
  const park = () => {
    connection.park(WAITS_FOR.returns);
    globalExpeditedBarrier(calls);
  };
  const end = performance.now() + 1000 * Number(seconds);
  const goesOn = () => round < Number(rounds) && (round % STRETCH > 0 || performance.now() < end);
  for (; round === 0 || goesOn(); round++) {
    producer.push(round, 0, 0, 0);
    connection.wakeReceiver();
    sleeper.waitFor(isBack, park);
    loiter(round);
  }
  connection.finish();
  return round;
}

/** @param {Sleeper} sleeper */
function receive(sleeper) {
  const connection = new ReceiverConnection(parts, {
    openQueue: (words) => new RingConsumer(ring, words, 0),
  });
  const { words, deliveries } = connection;
  const hasNews = () => deliveries.known() > 0 || connection.finished;
  const park = () => {
    connection.park();
    globalExpeditedBarrier(calls);
  };
  for (let round = 0; ; round++) {
    sleeper.waitFor(hasNews, park);
    if (deliveries.known() === 0) return round;
    if (!deliveries.isWhole(deliveries.at)) throw new Error(`message ${round} is another one`);
    deliveries.pass();
    loiter(round);
    // As `RingInbox` does where sleeping sides pay.
    words[RECEIVER_WORDS.cursor] = (round + 1) | 0;
    connection.wakeSenderThatWaitsFor(WAITS_FOR.returns);
  }
}

process.on('message', () => {
  // What is parked from the start is no sleep.
  Atomics.store(memory.words, role === 'send' ? PARKED.sender : memory.parkedReceiver, 0);
  const sleeper = new Sleeper(calls, (role === 'send' ? senderBell : receiverBell).fd.fd);
  const rounds = role === 'send' ? send(sleeper) : receive(sleeper);
  process.send?.({ rounds, slept: sleeper.slept }, () => process.exit(0));
});
process.send?.('ready');
