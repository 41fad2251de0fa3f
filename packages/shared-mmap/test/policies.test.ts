import type { BehindPolicy } from '@pageferry/shared-mmap';
import { countDescriptors, expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { seededRandom } from './support/random.js';
import {
  drain,
  drainNumbers,
  isFilled,
  KIB,
  LIMIT,
  numbers,
  openStage,
  trySend,
} from './support/stage.js';

const DROPPING = ['drop-newest', 'drop-oldest'] as const;

describe('a receiver that is behind', () => {
  expectNothingLeft();

  test('has its sender wait by default, until it gives something back', async () => {
    await using stage = await openStage({}, [{ queueDepth: 3 }]);
    for (let message = 0; message < 3; message++)
      expect(trySend(stage.sender, 10, message)).toBe('sent');
    expect(trySend(stage.sender, 10, 3)).toBe('full');
    const sending = stage.sender.send(new Uint8Array(10), LIMIT);
    const [first, ...others] = drain(stage.receiver);
    expect(trySend(stage.sender, 10, 3)).toBe('full');
    first?.release();
    expect(await sending).toBe('sent');
    expect(stage.sender.receivers).toMatchObject([{ messagesBehind: 3, messagesDropped: 0 }]);
    for (const delivery of others) delivery.release();
    expect(drainNumbers(stage.receiver)).toEqual([3]);
  });

  test.each([
    ['drop-newest', numbers(0, 4)],
    ['drop-oldest', numbers(96, 4)],
  ] as const)('misses what %s says, and nobody waits for it', async (whenBehind, seen) => {
    await using stage = await openStage({}, [{ whenBehind, queueDepth: 4 }]);
    for (let message = 0; message < 100; message++) {
      expect(trySend(stage.sender, 10, message)).toBe('sent');
    }
    expect(stage.sender.receivers).toMatchObject([
      { whenBehind, messagesBehind: 4, bytesBehind: 40, messagesDropped: 96 },
    ]);
    const deliveries = drain(stage.receiver);
    expect(deliveries.map(({ sequence }) => sequence)).toEqual(seen);
    for (const { sequence, bytes } of deliveries) expect(bytes[0]).toBe(sequence);
    for (const delivery of deliveries) delivery.release();
    // The receiver knows at once, before a message tells it of the gap before it, and afterwards.
    expect(stage.receiver.stats().messagesDropped).toBe(96);
    trySend(stage.sender, 10, 0);
    expect(drainNumbers(stage.receiver)).toEqual([100]);
    expect(stage.receiver.stats()).toMatchObject({ messagesDropped: 96, messagesReceived: 5 });
  });

  test.each(DROPPING)('keeps what it holds when others are dropped (%s)', async (whenBehind) => {
    await using stage = await openStage({}, [{ whenBehind, queueDepth: 4 }]);
    for (let message = 0; message < 2; message++) trySend(stage.sender, 1000, message + 1);
    const held = drain(stage.receiver);
    for (let message = 2; message < 200; message++) trySend(stage.sender, 1000, message + 1);
    for (const { bytes, sequence } of held) {
      expect(bytes.every((byte) => byte === sequence + 1)).toBe(true);
    }
    // What it holds takes nothing away from what it may take.
    expect(drain(stage.receiver).length).toBe(4);
  });

  test.each(DROPPING)('does not use up the pool either (%s)', async (whenBehind) => {
    await using stage = await openStage({ poolBytes: 64 * KIB }, [{ whenBehind }]);
    for (let message = 0; message < 200; message++) {
      expect(trySend(stage.sender, 10_000, message)).toBe('sent');
    }
    const [info] = stage.sender.receivers;
    expect(info?.messagesBehind).toBeLessThanOrEqual(6);
    const seen = drain(stage.receiver);
    expect(seen.length).toBe(info?.messagesBehind);
    expect((info?.messagesDropped ?? 0) + seen.length).toBe(200);
    for (const { bytes, sequence } of seen) {
      expect(bytes.every((byte) => byte === (sequence & 255))).toBe(true);
    }
  });

  test.each(DROPPING)('misses large messages too, which leave nothing (%s)', async (whenBehind) => {
    const options = { poolBytes: 64 * KIB };
    await using stage = await openStage(options, [{ whenBehind, queueDepth: 4 }]);
    const before = countDescriptors();
    // Far more than may be under way, and more than the socket holds: none of them is received.
    for (let message = 0; message < 1000; message++) {
      expect(trySend(stage.sender, 100 * KIB, message)).toBe('sent');
      // In another process it would hear of them all the while.
      if (message % 10 === 0) await new Promise(setImmediate);
    }
    expect(stage.sender.receivers).toMatchObject([{ messagesBehind: 1 }]);
    const [delivery, ...none] = drain(stage.receiver);
    expect(none).toEqual([]);
    expect(delivery?.bytes.every((byte) => byte === ((delivery.sequence as number) & 255))).toBe(
      true,
    );
    delivery?.release();
    // And it gets large ones again, as well as small ones.
    for (const [index, length] of [100 * KIB, 10, 100 * KIB].entries()) {
      expect(await stage.sender.send(new Uint8Array(length), LIMIT)).toBe('sent');
      using next = await stage.receiver.receive(LIMIT);
      expect(next).toMatchObject({ sequence: 1000 + index, byteLength: length });
    }
    await stage.sender.flush(LIMIT);
    expect(countDescriptors()).toBe(before);
  });

  test.each(DROPPING)(
    'has the memory of the one that it gets, though it hears of many at once (%s)',
    async (whenBehind) => {
      await using stage = await openStage({ poolBytes: 64 * KIB }, [{ whenBehind }]);
      // Half of the memories that make it look for unneeded ones are heard of now, half with the last.
      for (let message = 0; message < 32; message++) {
        expect(trySend(stage.sender, 100 * KIB, message)).toBe('sent');
        for (let turn = 0; message === 15 && turn < 10; turn++) await new Promise(setImmediate);
      }
      using delivery = stage.receiver.tryReceive();
      expect(delivery?.sequence).toBe(31);
      expect(delivery?.bytes.every((byte) => byte === 31)).toBe(true);
    },
  );

  test.each(DROPPING)(
    'whose event loop stands still is not cut off for large messages (%s)',
    async (whenBehind) => {
      await using stage = await openStage({ poolBytes: 64 * KIB }, [{ whenBehind }]);
      for (let message = 0; message < 1000; message++) {
        expect(trySend(stage.sender, 100 * KIB, message)).toBe('sent');
      }
      expect(stage.sender.receivers).toMatchObject([{ messagesDropped: 1000 }]);
      const receiving = stage.receiver.receive(LIMIT);
      // It has to learn that nothing is left of what was passed to it.
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      await stage.sender.send(new Uint8Array(100 * KIB), LIMIT);
      using delivery = await receiving;
      expect(delivery?.sequence).toBe(1000);
    },
  );

  test.each(DROPPING)(
    'that has missed only large messages gets large ones again (%s)',
    async (whenBehind) => {
      await using stage = await openStage({ poolBytes: 64 * KIB }, [{ whenBehind, queueDepth: 2 }]);
      for (let round = 0; round < 100; round++) {
        trySend(stage.sender, 100 * KIB, 1);
        // Small ones take the place of the large one, wherever that is.
        for (let message = 0; message < 4; message++) trySend(stage.sender, 20 * KIB, 2);
        if (round % 10 === 0) await new Promise(setImmediate);
        drainNumbers(stage.receiver);
      }
      trySend(stage.sender, 100 * KIB, 3);
      const [delivery] = drain(stage.receiver);
      expect(delivery).toMatchObject({ byteLength: 100 * KIB });
      delivery?.release();
    },
  );

  test('that must not miss anything has the sender wait, whatever the others said', async () => {
    await using stage = await openStage({}, [
      { queueDepth: 4 },
      { whenBehind: 'drop-oldest', queueDepth: 2 },
      { whenBehind: 'drop-newest', queueDepth: 2 },
    ]);
    for (let message = 0; message < 4; message++)
      expect(trySend(stage.sender, 10, message)).toBe('sent');
    expect(trySend(stage.sender, 10, 4)).toBe('full');
    // A message that was not accepted was not dropped either.
    expect(stage.sender.receivers.map((info) => info.messagesDropped)).toEqual([0, 2, 2]);
    expect(stage.receivers.map(drainNumbers)).toEqual([
      [0, 1, 2, 3],
      [2, 3],
      [0, 1],
    ]);
    expect(trySend(stage.sender, 10, 4)).toBe('sent');
    expect(stage.receivers.map(drainNumbers)).toEqual([[4], [4], [4]]);
  });

  test.each([1, 2])(
    'and one that is not see the same, but for the gaps (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const policies: readonly BehindPolicy[] = ['wait', 'drop-newest', 'drop-oldest'];
      await using stage = await openStage(
        { poolBytes: 256 * KIB },
        policies.map((whenBehind, index) => ({ whenBehind, queueDepth: 4 + 4 * index })),
      );
      const seen: number[][] = policies.map(() => []);
      let sent = 0;
      const receiveSome = (index: number, count: number): void => {
        for (let left = count; left > 0; left--) {
          using delivery = stage.receivers[index]?.tryReceive();
          if (delivery === undefined) return;
          const { bytes, sequence } = delivery;
          if (!isFilled(bytes, sequence & 255)) expect.unreachable('wrong bytes');
          seen[index]?.push(sequence);
        }
      };
      while (sent < 5000) {
        for (let burst = random(12); burst > 0; burst--) {
          const length = random(50) === 0 ? 300 * KIB : random(20_000);
          const outcome = trySend(stage.sender, length, sent & 255);
          if (outcome === 'sent') sent++;
          else receiveSome(0, 1);
        }
        receiveSome(random(3), random(6));
        if (random(20) === 0) await new Promise(setImmediate);
      }
      for (let index = 0; index < 3; index++) receiveSome(index, Number.POSITIVE_INFINITY);
      const infos = stage.sender.receivers;
      expect(seen[0]).toEqual(numbers(0, sent));
      for (const [index, list] of seen.entries()) {
        expect(list).toEqual([...new Set(list)].sort((one, other) => one - other));
        expect(infos[index]?.messagesDropped).toBe(sent - list.length);
        expect(stage.receivers[index]?.stats().messagesDropped).toBe(sent - list.length);
      }
      await stage.sender.flush(LIMIT);
      expect(stage.sender.stats().bytesOut).toBe(0);
    },
  );
});
