import { PageferryError } from '@pageferry/core';
import { describe, expect, test } from 'vitest';
import { FakeReceiver } from './support/fake-receiver.js';
import { stateOf, turns } from './support/turns.js';

const DIED = new PageferryError('PEER_DIED', 'it died');
const END = { value: undefined, done: true };
const ended = (receiver: FakeReceiver, count: number): FakeReceiver => {
  for (let message = 0; message < count; message++) receiver.arrive(1);
  receiver.end();
  return receiver;
};

/** Iterates to the end. */
async function collect(receiver: FakeReceiver): Promise<number[]> {
  const seen: number[] = [];
  for await (const delivery of receiver) {
    seen.push(delivery.sequence);
    delivery.release();
  }
  return seen;
}

describe('an iteration over a receiver', () => {
  test('sees every message, waits for those that have not come, and ends with the sender', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(1);
    const all = collect(receiver);
    await turns();
    receiver.arrive(1);
    receiver.arrive(1);
    await turns();
    expect(await stateOf(all)).toBe('pending');
    receiver.end();
    expect(await all).toEqual([0, 1, 2]);
    expect(await collect(receiver)).toEqual([]);
  });

  test('leaves what comes after a break to the next one, and its delivery to the caller', async () => {
    const receiver = ended(new FakeReceiver(), 4);
    for await (const delivery of receiver) if (delivery.sequence === 1) break;
    expect(receiver.stats()).toMatchObject({ deliveriesHeld: 2, messagesReceived: 2 });
    expect(await collect(receiver)).toEqual([2, 3]);
    expect(receiver.closed).toBe(false);
  });

  test('is over for good after return, though messages wait', async () => {
    const receiver = ended(new FakeReceiver(), 2);
    const iterator = receiver[Symbol.asyncIterator]();
    expect(await iterator.next()).toMatchObject({ value: { sequence: 0 }, done: false });
    expect(await iterator.return?.()).toEqual(END);
    expect(await iterator.next()).toEqual(END);
    expect(receiver.tryReceive()?.sequence).toBe(1);
  });

  test('releases each delivery at the end of its turn with using', async () => {
    const receiver = ended(new FakeReceiver(), 3);
    for await (using delivery of receiver) expect(delivery.released).toBe(false);
    expect(receiver.calls).toEqual(['giveBack 0', 'giveBack 1', 'giveBack 2']);
  });

  test('throws what goes wrong, after what has arrived; and again, if it is asked again', async () => {
    const receiver = new FakeReceiver();
    receiver.arrive(1);
    receiver.end(DIED);
    const seen: number[] = [];
    const iterating = (async () => {
      for await (const { sequence } of receiver) seen.push(sequence);
    })();
    await expect(iterating).rejects.toBe(DIED);
    expect(seen).toEqual([0]);
    const iterator = receiver[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toBe(DIED);
    await expect(iterator.next()).rejects.toBe(DIED);
  });

  test('throws what goes wrong while it waits', async () => {
    const receiver = new FakeReceiver();
    const next = receiver[Symbol.asyncIterator]().next();
    receiver.end(DIED);
    await expect(next).rejects.toMatchObject({ code: DIED.code, message: DIED.message });
  });

  test('fails with CLOSED when its receiver is closed, be it before or meanwhile', async () => {
    const closed = expect.objectContaining({ code: 'CLOSED' });
    const receiver = new FakeReceiver();
    receiver.arrive(1);
    const iterator = receiver[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    await receiver.close();
    await expect(next).rejects.toThrow(closed);
    await expect(iterator.next()).rejects.toThrow(closed);
    await expect(collect(receiver)).rejects.toThrow(closed);
  });

  test('beside another one shares the messages out: each goes to one of them, in order', async () => {
    const receiver = ended(new FakeReceiver(), 10);
    const [one, other] = await Promise.all([collect(receiver), collect(receiver)]);
    for (const seen of [one, other]) {
      expect(seen).toEqual([...seen].sort((first, second) => first - second));
      expect(seen.length).toBeGreaterThan(0);
    }
    expect([...one, ...other].sort((first, second) => first - second)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
  });

  test('does not overtake a call that waits', async () => {
    const receiver = new FakeReceiver();
    const waiting = receiver.receive();
    const next = receiver[Symbol.asyncIterator]().next();
    receiver.arrive(1);
    receiver.arrive(1);
    expect((await waiting)?.sequence).toBe(0);
    expect(await next).toMatchObject({ value: { sequence: 1 } });
  });

  test('answers several calls of next in their order', async () => {
    const receiver = new FakeReceiver();
    const iterator = receiver[Symbol.asyncIterator]();
    const nexts = [iterator.next(), iterator.next(), iterator.next()];
    ended(receiver, 2);
    const results = await Promise.all(nexts);
    expect(results.map(({ value, done }) => [value?.sequence, done])).toEqual([
      [0, false],
      [1, false],
      [undefined, true],
    ]);
  });

  test('leaves the event loop its turns, though a message is always there', async () => {
    const receiver = new FakeReceiver(0);
    receiver.arrive(1);
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    for await (const delivery of receiver) {
      delivery.release();
      if (turned) break;
      receiver.arrive(1);
    }
    expect(turned).toBe(true);
  });
});
