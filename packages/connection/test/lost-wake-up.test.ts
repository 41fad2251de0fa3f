import {
  AdaptiveWaits,
  ControlMemory,
  createEntry,
  Doorbell,
  PLAIN_SENDER,
  SenderConnection,
  WAITS_FOR,
} from '@pageferry/connection';
import { LoopBudget } from '@pageferry/core';
import { UnixSocket } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { Child, expectNothingLeft } from '@pageferry/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const calls = loadLinuxCalls();
// A yield would let the other process answer before this one parks.
const impatient = { ...calls, schedYield: () => 0 };
/** Words of a mechanism, and the bit of what its sender waits for. See `peers/echo.mjs`. */
const COUNTER = { produced: 33, consumed: 65, waitsFor: 2 };
const ROUNDS = 20_000;
const LIMIT = 60_000;

// Nothing but a ring gets a parked side going again: a wake-up that is lost ends in the time limit.
// How often a side parks depends on the machine: usually in two rounds out of three.
describe.each([
  ['park at once', 0, 1],
  ['spin for a random time before they park', 20, 0],
])('two processes that %s', (_, longestSpin, leastParked) => {
  expectNothingLeft();

  let child: Child;
  let connection: SenderConnection;
  let waits: AdaptiveWaits;
  let timesParked = 0;
  let waitsFor: number;

  beforeEach(async () => {
    const { memory, fd } = ControlMemory.create(calls, 2);
    const [socket, otherSocket] = UnixSocket.pair(calls);
    const senderBell = Doorbell.create(calls);
    const receiverBell = Doorbell.create(calls);
    const descriptors = [fd.fd, senderBell.fd.fd, receiverBell.fd.fd, otherSocket.fd];
    child = new Child(
      new URL('./peers/echo.mjs', import.meta.url),
      [String(longestSpin)],
      descriptors,
    );
    otherSocket.close();
    fd.close();
    const parts = { socket, memory, senderBell, receiverBell };
    connection = new SenderConnection(parts, {
      ...PLAIN_SENDER,
      receiverCounters: [COUNTER.consumed],
    });
    timesParked = 0;
    waits = new AdaptiveWaits({
      calls: impatient,
      budget: new LoopBudget(longestSpin / 8),
      get spinMicroseconds() {
        return Math.random() * longestSpin;
      },
      arm: () => {
        timesParked++;
        connection.park(waitsFor);
      },
    });
    connection.watch(calls, {
      onRing: () => waits.wake(),
      onHangUp: () => waits.fail(new Error('the other process has ended')),
    });
    expect(await child.message()).toBe('ready');
  });

  afterEach(async () => {
    connection.close();
    await child.exit;
  });

  test(
    'wake each other for every message and its return',
    async () => {
      waitsFor = WAITS_FOR.returns;
      const entry = createEntry();
      for (let round = 0; round < ROUNDS; round++) {
        connection.deliveries.push(round, 0, 0, 0);
        connection.wakeReceiver();
        await waits.until(() => connection.returns.available() > 0);
        connection.returns.shift(entry);
        if (entry[0] !== round) expect(entry[0]).toBe(round);
      }
      expect(timesParked).toBeGreaterThanOrEqual(leastParked);
    },
    LIMIT,
  );

  test(
    'wake each other for what a mechanism counts, and waits for, itself',
    async () => {
      waitsFor = COUNTER.waitsFor;
      const { words } = connection;
      let produced = 0;
      for (let round = 0; round < ROUNDS; round++) {
        produced += 1 + (round % 3);
        Atomics.store(words, COUNTER.produced, produced);
        connection.wakeReceiver();
        await waits.until(() => Atomics.load(words, COUNTER.consumed) === produced);
      }
      expect(timesParked).toBeGreaterThanOrEqual(leastParked);
    },
    LIMIT,
  );
});
