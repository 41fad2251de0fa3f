import { expectNothingLeft } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { drain, KIB, LIMIT, openStage, trySend } from './support/stage.js';

describe('a receiver holds no more than', () => {
  expectNothingLeft();

  test('maxBorrowed deliveries; a receive that waits gets the next one on release', async () => {
    await using stage = await openStage({}, [{ maxBorrowed: 2 }]);
    for (let message = 0; message < 4; message++) trySend(stage.sender, 10, message);
    const [first, second, ...none] = drain(stage.receiver);
    expect(none).toEqual([]);
    expect(await stage.receiver.receiveMany(1, { timeout: 1 }).catch(({ code }) => code)).toBe(
      'TIMEOUT',
    );
    const waiting = stage.receiver.receive(LIMIT);
    second?.release();
    const third = await waiting;
    expect(third?.sequence).toBe(2);
    expect(stage.receiver.tryReceive()).toBeUndefined();
    first?.release();
    third?.release();
    expect((await stage.receiver.receiveMany(5, LIMIT)).map(({ sequence }) => sequence)).toEqual([
      3,
    ]);
  });

  test('maxBorrowed, but learns of the end when it has given them back', async () => {
    await using stage = await openStage({}, [{ maxBorrowed: 1 }]);
    trySend(stage.sender, 10, 1);
    const [held] = drain(stage.receiver);
    await stage.sender.close();
    const end = stage.receiver.receive(LIMIT);
    held?.release();
    expect(await end).toBeUndefined();
  });

  test('maxBorrowedBytes, but for one delivery that is larger', async () => {
    await using stage = await openStage({}, [{ maxBorrowedBytes: 10 * KIB }]);
    for (const length of [4 * KIB, 6 * KIB, 1, 50 * KIB, 1]) trySend(stage.sender, length, 1);
    const next = (): readonly number[] => drain(stage.receiver).map(({ byteLength }) => byteLength);
    const [first, second] = drain(stage.receiver);
    expect(second?.byteLength).toBe(6 * KIB);
    expect(next()).toEqual([]);
    first?.release();
    const small = stage.receiver.tryReceive();
    expect(small?.byteLength).toBe(1);
    expect(next()).toEqual([]);
    second?.release();
    // The large one waits until nothing else is held.
    expect(next()).toEqual([]);
    small?.release();
    const large = stage.receiver.tryReceive();
    expect(large?.byteLength).toBe(50 * KIB);
    expect(next()).toEqual([]);
    large?.release();
    expect(next()).toEqual([1]);
  });

  test('maxBorrowedBytes of large messages with memory of their own', async () => {
    await using stage = await openStage({ poolBytes: 64 * KIB }, [{ maxBorrowedBytes: 10 * KIB }]);
    await stage.sender.send(new Uint8Array(100 * KIB), LIMIT);
    const [large] = drain(stage.receiver);
    const sending = stage.sender.send(new Uint8Array(100 * KIB).fill(1), LIMIT);
    const receiving = stage.receiver.receive(LIMIT);
    large?.release();
    expect(await sending).toBe('sent');
    using next = await receiving;
    expect(next?.bytes[100 * KIB - 1]).toBe(1);
  });

  test('nothing after it has closed: the sender has its memory, and views show copies (11.6)', async () => {
    await using stage = await openStage();
    for (let message = 0; message < 3; message++) trySend(stage.sender, 10, message);
    const [delivery] = drain(stage.receiver);
    const bytes = delivery?.bytes;
    await stage.receiver.close();
    expect(() => delivery?.bytes).toThrow(expect.objectContaining({ code: 'DELIVERY_RELEASED' }));
    delivery?.release();
    await stage.sender.flush(LIMIT);
    expect(stage.sender.stats().bytesOut).toBe(0);
    for (let loan = 0; loan < 3; loan++) (await stage.sender.loan(10)).bytes.fill(9);
    expect(bytes).toEqual(new Uint8Array(10));
  });
});
