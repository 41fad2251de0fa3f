import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { drain, LIMIT, MIB, openStage, trySend } from './support/stage.js';

const LENGTHS = [1, 0, 5000, 70_000, 3 * MIB];

describe('sixty-four receivers of one sender', () => {
  expectNothingLeft();

  test('each see every message, and give it back in whatever order', async () => {
    await using stage = await openStage(
      { poolBytes: 2 * MIB },
      Array.from({ length: 64 }, () => ({})),
    );
    expect(stage.sender.receivers.length).toBe(64);
    for (const [number, length] of LENGTHS.entries()) {
      // The largest needs memory that is not allocated yet.
      const loan = await stage.sender.loan(length, LIMIT);
      loan.bytes.fill(number + 1);
      expect(loan.trySend()).toBe('sent');
      const deliveries = stage.receivers.flatMap(drain);
      expect(deliveries.length).toBe(64);
      for (const delivery of deliveries) {
        expect(delivery).toMatchObject({ sequence: number, byteLength: length });
        expect(delivery.bytes.at(-1)).toBe(length === 0 ? undefined : number + 1);
      }
      for (let index = 0; index < 64; index++) {
        // The memory is out until the last one is done with it.
        expect(stage.sender.stats().bytesOut).toBeGreaterThan(0);
        deliveries[(index * 37) % 64]?.release();
      }
      expect(stage.sender.stats().bytesOut).toBe(0);
    }
  });

  test('are as many as there can be, until one leaves', async () => {
    await using stage = await openStage(
      {},
      Array.from({ length: 64 }, () => ({})),
    );
    await expect(stage.join()).rejects.toThrow(expect.objectContaining({ code: 'PEER_REJECTED' }));
    // From the middle, and from either end of the two words that say who holds a message.
    for (const index of [0, 31, 32, 40, 63]) {
      trySend(stage.sender, 10, 7);
      await stage.receivers[index]?.close();
      await stage.sender.waitForReceivers(0);
      while (stage.sender.receivers.length === 64) await new Promise(setImmediate);
      const late = await stage.join();
      trySend(stage.sender, 10, 8);
      expect(drain(late).map(({ bytes }) => bytes[0])).toEqual([8]);
      for (const receiver of stage.receivers) {
        if (receiver.closed) continue;
        for (const delivery of drain(receiver)) delivery.release();
      }
      await late.close();
      while (stage.sender.receivers.length === 64) await new Promise(setImmediate);
      await stage.join();
    }
    await stage.sender.flush(LIMIT);
    expect(stage.sender.stats().bytesOut).toBe(0);
  });
});
