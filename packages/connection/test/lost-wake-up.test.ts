import {
  AdaptiveWaits,
  ControlMemory,
  createEntry,
  Doorbell,
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
    connection = new SenderConnection({ socket, memory, senderBell, receiverBell });
    timesParked = 0;
    waits = new AdaptiveWaits({
      calls: impatient,
      budget: new LoopBudget(longestSpin / 8),
      get spinMicroseconds() {
        return Math.random() * longestSpin;
      },
      arm: () => {
        timesParked++;
        connection.park(waitsFor, 1);
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
        connection.deliver(round, 0, 0, 0);
        connection.wakeReceiver();
        await waits.until(() => connection.returnsAvailable() > 0);
        connection.takeReturn(entry);
        if (entry[0] !== round) expect(entry[0]).toBe(round);
      }
      expect(timesParked).toBeGreaterThanOrEqual(leastParked);
    },
    LIMIT,
  );

  test(
    'wake each other for every byte and the room that it leaves',
    async () => {
      waitsFor = WAITS_FOR.room;
      for (let round = 0; round < ROUNDS; round++) {
        connection.produce(1 + (round % 3));
        connection.wakeReceiver();
        await waits.until(() => connection.bytesInFlight() === 0);
      }
      expect(timesParked).toBeGreaterThanOrEqual(leastParked);
    },
    LIMIT,
  );
});
