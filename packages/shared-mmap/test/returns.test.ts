import type { Delivery } from '@pageferry/core';
import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { seededRandom } from './support/random.js';
import { drain, isFilled, KIB, openStage, trySend } from './support/stage.js';

/** More than the ring and the queues have room for, several times over. */
const MANY = 5000;

describe('messages that are released in another order than they came', () => {
  expectNothingLeft();

  test('do not hold up those behind one that is held for long', async () => {
    await using stage = await openStage({ poolBytes: 64 * KIB });
    expect(trySend(stage.sender, 1000, 77)).toBe('sent');
    const held = stage.receiver.tryReceive();
    for (let message = 0; message < MANY; message++) {
      expect(trySend(stage.sender, 1000, message & 255)).toBe('sent');
      const delivery = stage.receiver.tryReceive();
      expect(isFilled(delivery?.bytes ?? new Uint8Array(), message & 255)).toBe(true);
      delivery?.release();
    }
    const [receiver] = stage.sender.receivers;
    expect(receiver).toMatchObject({ messagesBehind: 1, bytesBehind: 1000 });
    expect(isFilled(held?.bytes ?? new Uint8Array(), 77)).toBe(true);
    held?.release();
    expect(stage.sender.stats().bytesOut).toBe(0);
  });

  test('are told from those that were not taken yet, in number and bytes', async () => {
    await using stage = await openStage();
    for (const byteLength of [10, 20, 40, 80, 160]) trySend(stage.sender, byteLength, 1);
    const [first, second, third] = Array.from({ length: 3 }, () => stage.receiver.tryReceive());
    const behind = () => {
      const [{ messagesBehind, bytesBehind } = { messagesBehind: -1, bytesBehind: -1 }] =
        stage.sender.receivers;
      return [messagesBehind, bytesBehind];
    };
    expect(behind()).toEqual([5, 310]);
    second?.release();
    expect(behind()).toEqual([4, 290]);
    first?.release();
    expect(behind()).toEqual([3, 280]);
    third?.release();
    expect(behind()).toEqual([2, 240]);
  });

  test('that were released last first can all be held at once again', async () => {
    await using stage = await openStage({ poolBytes: 1024 * 64 });
    for (let round = 0; round < 3; round++) {
      let sent = 0;
      while (trySend(stage.sender, 64, round) === 'sent') sent++;
      expect(sent).toBe(1024);
      for (const delivery of drain(stage.receiver).reverse()) delivery.release();
      expect(stage.sender.stats().bytesOut).toBe(0);
    }
  });

  test.each([1, 2, 3])(
    'leave every other one alone, whatever the order (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      await using stage = await openStage({ poolBytes: 64 * KIB, history: seed === 3 ? 5 : 0 }, [
        {},
        { queueDepth: 20 },
        { whenBehind: seed === 1 ? 'wait' : 'drop-oldest' },
      ]);
      const held: { delivery: Delivery; seed: number }[][] = stage.receivers.map(() => []);
      let sent = 0;
      for (let step = 0; step < 20_000; step++) {
        const value = sent & 255;
        if (trySend(stage.sender, 1 + random(300), value) === 'sent') sent++;
        const index = random(stage.receivers.length);
        const mine = held[index] ?? [];
        const delivery = stage.receivers[index]?.tryReceive();
        if (delivery !== undefined) mine.push({ delivery, seed: delivery.sequence & 255 });
        while (mine.length > random(40)) {
          const [one] = mine.splice(random(mine.length), 1);
          // Checked when it is given back: nobody has written to it since it came.
          expect(isFilled(one?.delivery.bytes ?? new Uint8Array(), one?.seed ?? -1)).toBe(true);
          one?.delivery.release();
        }
      }
      expect(sent).toBeGreaterThan(2000);
      for (const [index, receiver] of stage.receivers.entries()) {
        for (const { delivery } of held[index] ?? []) delivery.release();
        for (const delivery of drain(receiver)) delivery.release();
      }
      expect(stage.sender.receivers.map(({ messagesBehind }) => messagesBehind)).toEqual([0, 0, 0]);
    },
  );
});
