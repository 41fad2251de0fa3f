import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { drain, drainNumbers, KIB, LIMIT, numbers, openStage, trySend } from './support/stage.js';

describe('a sender with a history', () => {
  expectNothingLeft();

  test('sends when nobody is there, and late joiners get the last messages first', async () => {
    await using stage = await openStage({ history: 3 }, []);
    for (let message = 0; message < 10; message++)
      expect(trySend(stage.sender, 10, message)).toBe('sent');
    await stage.join();
    trySend(stage.sender, 10, 10);
    const deliveries = drain(stage.receiver);
    expect(deliveries.map(({ sequence }) => sequence)).toEqual([7, 8, 9, 10]);
    expect(deliveries.map(({ bytes }) => bytes[0])).toEqual([7, 8, 9, 10]);
    expect(stage.receiver.stats().messagesDropped).toBe(0);
  });

  test('gives each late joiner as many as there are', async () => {
    await using stage = await openStage({ history: 3 }, []);
    const seen: number[][] = [];
    for (let round = 0; round < 5; round++) {
      seen.push(drainNumbers(await stage.join()));
      trySend(stage.sender, 10, round);
    }
    expect(seen).toEqual([[], [0], [0, 1], [0, 1, 2], [1, 2, 3]]);
  });

  test('keeps them through a receiver that has given them back or died', async () => {
    await using stage = await openStage({ history: 2 });
    for (let message = 0; message < 3; message++) trySend(stage.sender, 10, message);
    expect(drainNumbers(stage.receiver)).toEqual([0, 1, 2]);
    await stage.receiver.close();
    expect(drainNumbers(await stage.join())).toEqual([1, 2]);
  });

  test.each(['wait', 'drop-newest', 'drop-oldest'] as const)(
    'gives a receiver no more than it lets be under way (%s)',
    async (whenBehind) => {
      await using stage = await openStage({ history: 10 }, []);
      for (let message = 0; message < 20; message++) trySend(stage.sender, 10, message);
      await stage.join({ queueDepth: 4, whenBehind });
      expect(drainNumbers(stage.receiver)).toEqual([16, 17, 18, 19]);
      trySend(stage.sender, 10, 20);
      expect(drainNumbers(stage.receiver)).toEqual([20]);
      expect(stage.sender.receivers).toMatchObject([{ messagesDropped: 0 }]);
      expect(stage.receiver.stats().messagesDropped).toBe(0);
    },
  );

  test('gives way when the pool is short, the oldest first', async () => {
    await using stage = await openStage({ history: 100, poolBytes: 64 * KIB }, []);
    for (let message = 0; message < 50; message++)
      expect(trySend(stage.sender, 8 * KIB, message)).toBe('sent');
    expect(stage.sender.stats().bytesOut).toBe(64 * KIB);
    expect(trySend(stage.sender, 64 * KIB, 50)).toBe('sent');
    expect(drainNumbers(await stage.join())).toEqual([50]);
  });

  test('has no gaps for a late joiner when what others hold cannot give way', async () => {
    await using stage = await openStage({ history: 100, poolBytes: 64 * KIB }, [{}]);
    for (let message = 0; message < 8; message++) trySend(stage.sender, 8 * KIB, message);
    // Of what the first receiver keeps and gives back, only the latter can be forgotten.
    for (const delivery of drain(stage.receiver))
      if (delivery.sequence % 4 !== 1) delivery.release();
    for (let message = 8; message < 10; message++) {
      expect(trySend(stage.sender, 8 * KIB, message)).toBe('sent');
    }
    const late = await stage.join();
    const seen = drainNumbers(late);
    drainNumbers(stage.receiver);
    expect(trySend(stage.sender, 8 * KIB, 10)).toBe('sent');
    seen.push(...drainNumbers(late));
    expect(seen).toEqual(numbers(seen[0] as number, seen.length));
    expect(seen.slice(-3)).toEqual([8, 9, 10]);
  });

  test('keeps large messages too, which have memory of their own', async () => {
    await using stage = await openStage({ history: 2, poolBytes: 256 * KIB }, []);
    trySend(stage.sender, 200 * KIB, 1);
    // Fits, but not at a stretch with the other.
    for (let message = 0; message < 3; message++) {
      expect(trySend(stage.sender, 100 * KIB, message + 2)).toBe('sent');
    }
    const late = [await stage.join(), await stage.join()];
    for (const receiver of late) {
      const deliveries = drain(receiver);
      expect(deliveries.map(({ bytes }) => [bytes.length, bytes[0], bytes.at(-1)])).toEqual([
        [100 * KIB, 3, 3],
        [100 * KIB, 4, 4],
      ]);
      for (const delivery of deliveries) delivery.release();
    }
    await stage.sender.flush(LIMIT);
  });

  test('of many large messages gives a late joiner as many as may be under way', async () => {
    await using stage = await openStage({ history: 40, poolBytes: 4 * KIB * 21 }, []);
    // Every other page is taken: nothing of two pages fits at a stretch.
    const pages = Array.from({ length: 21 }, () => stage.sender.tryLoan(4 * KIB));
    for (const [index, page] of pages.entries()) if (index % 2 === 1) page?.release();
    for (let message = 0; message < 30; message++) trySend(stage.sender, 8 * KIB, message);
    for (const page of pages) page?.release();
    await stage.join();
    const seen = drainNumbers(stage.receiver);
    expect(seen).toEqual(numbers(30 - seen.length, seen.length));
    expect(seen.length).toBeGreaterThan(0);
    trySend(stage.sender, 10, 30);
    expect(drainNumbers(stage.receiver)).toEqual([30]);
  });

  test('gives everything back when it closes', async () => {
    await using stage = await openStage({ history: 10, poolBytes: 64 * KIB });
    for (let message = 0; message < 5; message++) trySend(stage.sender, 1000, message);
    trySend(stage.sender, 64 * KIB + 1, 5);
    await stage.sender.close();
    expect(stage.sender.stats().bytesOut).toBe(0);
  });
});
