import { loadLinuxCalls } from '@pageferry/linux-napi';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { SENDER_WORDS } from '../dist/layout.js';
import { connectTo } from './support/hostile-sender.js';
import { seededRandom } from './support/random.js';
import {
  drain,
  drainNumbers,
  isFilled,
  KIB,
  LIMIT,
  MIB,
  openStage,
  trySend,
} from './support/stage.js';

const calls = loadLinuxCalls();
const folder = temporaryFolder();
const DROPPING = ['drop-newest', 'drop-oldest'] as const;

describe('a receiver that wants the newest', () => {
  expectNothingLeft();

  test.each([1, 2, 3, 100])(
    'finds it there, whatever it holds (queueDepth %i) (11.5)',
    async (queueDepth) => {
      await using stage = await openStage({}, [{ whenBehind: 'drop-oldest', queueDepth }]);
      const { sender, receiver } = stage;
      const held = [];
      const seen: number[] = [];
      let sent = 0;
      for (let round = 0; round < 40; round++) {
        for (let burst = round % 7; burst >= 0; burst--) {
          expect(trySend(sender, 100, sent & 255)).toBe('sent');
          sent++;
        }
        const deliveries = drain(receiver);
        expect(deliveries.at(-1)?.sequence).toBe(sent - 1);
        expect(deliveries.length).toBeLessThanOrEqual(queueDepth);
        seen.push(...deliveries.map(({ sequence }) => sequence));
        held.push(...deliveries);
        const { messagesDropped } = receiver.stats();
        expect(messagesDropped).toBe(sent - seen.length);
        expect(sender.receivers).toMatchObject([{ messagesDropped, messagesBehind: held.length }]);
        if (round % 10 === 9) held.shift()?.release();
      }
      for (const { bytes, sequence } of held) expect(isFilled(bytes, sequence & 255)).toBe(true);
    },
  );

  test('finds it there though it holds as much as it may (11.5)', async () => {
    await using stage = await openStage({}, [{ whenBehind: 'drop-oldest', queueDepth: 4 }]);
    const { sender, receiver } = stage;
    const held = [];
    for (let message = 0; message < 1500; message++) {
      expect(trySend(sender, 64, message & 255)).toBe('sent');
      held.push(...drain(receiver));
    }
    expect(held.length).toBe(1022);
    held.shift()?.release();
    using newest = receiver.tryReceive();
    // Two places are left beside what it holds: the newest messages have them.
    expect(newest?.sequence).toBe(1498);
    expect(receiver.stats().messagesDropped).toBe(1498 - 1022);
    for (const { bytes, sequence } of held) expect(isFilled(bytes, sequence & 255)).toBe(true);
  });

  test('finds it there when each has memory of its own (11.5)', async () => {
    await using stage = await openStage({ poolBytes: 2 * MIB }, [
      { whenBehind: 'drop-oldest', queueDepth: 2 },
    ]);
    const { sender, receiver } = stage;
    // What is lent leaves no room at a stretch.
    const pieces = Array.from({ length: 128 }, () => sender.tryLoan(16 * KIB));
    for (const [index, piece] of pieces.entries()) if (index % 2 === 0) piece?.release();
    const held = [];
    for (let message = 0; message < 40; message++) {
      for (let copy = 0; copy < 3; copy++) {
        expect(trySend(sender, 20 * KIB, message)).toBe('sent');
      }
      const [older, newest] = drain(receiver);
      older?.release();
      expect(newest?.sequence).toBe(3 * message + 2);
      held.push(newest);
    }
    for (const [message, delivery] of held.entries()) {
      expect(isFilled(delivery?.bytes as Uint8Array, message)).toBe(true);
      delivery?.release();
    }
    for (const piece of pieces) piece?.release();
    await sender.flush(LIMIT);
    expect(sender.stats().bytesOut).toBe(0);
  });

  test('holds up nobody by holding all of the pool (11.5)', async () => {
    await using stage = await openStage({ poolBytes: 16 * KIB }, [
      { whenBehind: 'drop-oldest', queueDepth: 2 },
    ]);
    const { sender, receiver } = stage;
    for (let message = 0; message < 4; message++) trySend(sender, 4 * KIB, message);
    const held = drain(receiver);
    expect(held.map(({ sequence }) => sequence)).toEqual([2, 3]);
    for (let message = 4; message < 100; message++) {
      expect(trySend(sender, 4 * KIB, message)).toBe('sent');
    }
    const others = drain(receiver);
    expect(others.map(({ sequence }) => sequence)).toEqual([98, 99]);
    // The pool is the limit of what can be held, whatever the policy.
    expect(trySend(sender, 4 * KIB, 100)).toBe('no-memory');
    for (const delivery of [...held, ...others]) delivery.release();
    expect(trySend(sender, 4 * KIB, 100)).toBe('sent');
    expect(drainNumbers(receiver)).toEqual([100]);
  });
});

describe('what was dropped is counted at both ends', () => {
  expectNothingLeft();

  test.each(DROPPING)('at once, and at the very end (%s) (11.5, 11.29)', async (whenBehind) => {
    await using stage = await openStage({}, [{ whenBehind, queueDepth: 3 }]);
    const { sender, receiver } = stage;
    for (let message = 0; message < 10; message++) {
      trySend(sender, 10, message);
      const [info] = sender.receivers;
      expect(receiver.stats().messagesDropped).toBe(info?.messagesDropped);
    }
    expect(receiver.stats().messagesDropped).toBe(7);
    await sender.close();
    const seen = drainNumbers(receiver);
    expect(await receiver.receive(LIMIT)).toBeUndefined();
    expect(seen.length).toBe(3);
    expect(receiver.stats()).toMatchObject({ messagesDropped: 7, messagesReceived: 3 });
    await receiver.close();
    expect(receiver.stats().messagesDropped).toBe(7);
  });

  test('and not at one that must not miss any', async () => {
    await using stage = await openStage({}, [{ queueDepth: 3 }]);
    for (let message = 0; message < 10; message++) trySend(stage.sender, 10, message);
    expect(stage.receiver.stats().messagesDropped).toBe(0);
  });

  test.each([1, 2, 3])('also where a pool is short (seed %i) (11.5)', async (seed) => {
    const random = seededRandom(seed);
    await using stage = await openStage(
      { poolBytes: 64 * KIB },
      DROPPING.map((whenBehind) => ({ whenBehind, queueDepth: 1 + random(30) })),
    );
    const { sender, receivers } = stage;
    const seen = [0, 0];
    let sent = 0;
    for (let round = 0; round < 2000; round++) {
      if (trySend(sender, random(9000), round & 255) === 'sent') sent++;
      const which = random(8);
      for (const { length } of [receivers[which] ? drainNumbers(receivers[which]) : []]) {
        seen[which] = (seen[which] as number) + length;
      }
      for (const [index, { messagesBehind, messagesDropped }] of sender.receivers.entries()) {
        expect(messagesDropped).toBe(sent - (seen[index] as number) - messagesBehind);
        expect(receivers[index]?.stats().messagesDropped).toBe(messagesDropped);
      }
    }
  });

  test.each([0, 1, -1, 0x7fffffff, -0x80000000])(
    'by a sender that says %i of it: that spoils the count alone (11.5)',
    async (word) => {
      const options = { whenBehind: 'drop-oldest' } as const;
      await using pair = await connectTo(calls, folder.fresh(), {}, options);
      pair.sender.announce({ sequence: 0 });
      pair.sender.announce({ sequence: 5 });
      Atomics.store(pair.sender.words, SENDER_WORDS.dropped, word);
      expect(drain(pair.receiver).map(({ sequence }) => sequence)).toEqual([0, 5]);
      const { messagesDropped } = pair.receiver.stats();
      expect(messagesDropped).toBeGreaterThanOrEqual(4);
      expect(messagesDropped).toBeLessThan(2 ** 33);
      pair.sender.announce({ sequence: 6 });
      expect(drain(pair.receiver).length).toBe(1);
    },
  );
});
