// @ts-check
// One side of the race between parking and publishing: `program ROLE ROUNDS SECONDS`. The sender publishes a
// message and waits for its return, the receiver waits for it and gives it back, each after a random
// moment. See lost-wake-up-race.test.ts.
import {
  ControlMemory,
  createEntry,
  Doorbell,
  PLAIN_RECEIVER,
  PLAIN_SENDER,
  ReceiverConnection,
  SenderConnection,
  WAITS_FOR,
} from '@pageferry/connection';
import { OwnedFd, UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { loiter, Sleeper } from '@pageferry/testkit/sleeper';

const [role, rounds = '0', seconds = '0'] = process.argv.slice(2);
/** So many rounds are run at once, whatever the time. */
const STRETCH = 50_000;
const LAST = -1;
const calls = loadLinuxCalls();
const own = (/** @type {number} */ fd) => new OwnedFd(calls, fd);
const senderBell = new Doorbell(calls, own(5));
const receiverBell = new Doorbell(calls, own(6));
const memory = ControlMemory.open(calls, 4);
const parts = { memory, senderBell, receiverBell, socket: new UnixSocket(calls, own(7)) };
const entry = createEntry();

/** @param {Sleeper} sleeper */
function send(sleeper) {
  const connection = new SenderConnection(parts, PLAIN_SENDER);
  const isBack = () => connection.returns.available() > 0;
  const park = () => connection.park(WAITS_FOR.returns);
  const end = performance.now() + 1000 * Number(seconds);
  let round = 0;
  const goesOn = () => round < Number(rounds) && (round % STRETCH > 0 || performance.now() < end);
  for (; round === 0 || goesOn(); round++) {
    connection.deliveries.push(round, 0, 0, 0);
    connection.wakeReceiver();
    sleeper.waitFor(isBack, park);
    connection.returns.shift(entry);
    if (entry[0] !== round) throw new Error(`${entry[0]} came back instead of ${round}`);
    loiter(round);
  }
  connection.deliveries.push(LAST, 0, 0, 0);
  connection.wakeReceiver();
  return round;
}

/** @param {Sleeper} sleeper */
function receive(sleeper) {
  const connection = new ReceiverConnection(parts, PLAIN_RECEIVER);
  const hasNews = () => connection.deliveries.known() > 0;
  const park = () => connection.park();
  for (let round = 0; ; round++) {
    sleeper.waitFor(hasNews, park);
    connection.deliveries.shift(entry);
    if (entry[0] === LAST) return round;
    loiter(round);
    connection.giveBack(/** @type {number} */ (entry[0]), 0);
  }
}

process.on('message', () => {
  const sleeper = new Sleeper(calls, (role === 'send' ? senderBell : receiverBell).fd.fd);
  const rounds = role === 'send' ? send(sleeper) : receive(sleeper);
  process.send?.({ rounds, slept: sleeper.slept }, () => process.exit(0));
});
process.send?.('ready');
