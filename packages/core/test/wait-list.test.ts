import { WaitList } from '@pageferry/core';
import { expect, test } from 'vitest';
import { stateOf } from './support/turns.js';

test('a condition that holds already is not waited for', async () => {
  const list = new WaitList(() => expect.fail('nobody parks'));
  await list.until(() => true);
  expect(list.parked).toBe(0);
});

test('a waiter is parked until its condition holds at a wake-up', async () => {
  const list = new WaitList();
  let ready = false;
  let asked = 0;
  const waiting = list.until(() => {
    asked++;
    return ready;
  });
  expect(list.parked).toBe(1);
  list.wake();
  expect(await stateOf(waiting)).toBe('pending');
  ready = true;
  expect(await stateOf(waiting)).toBe('pending');
  list.wake();
  await waiting;
  list.wake();
  expect(asked).toBe(3);
  expect(list.parked).toBe(0);
});

test('waiters are asked in the order in which they came', async () => {
  const list = new WaitList();
  let tokens = 0;
  const served: string[] = [];
  const wait = (name: string) =>
    list
      .until(() => tokens > 0 && tokens-- > 0)
      .then(() => {
        served.push(name);
      });
  const all = [wait('a'), wait('b'), wait('c')];
  tokens = 2;
  list.wake();
  await Promise.all(all.slice(0, 2));
  expect(served).toEqual(['a', 'b']);
  expect(list.parked).toBe(1);
  tokens = 1;
  list.wake();
  await all[2];
});

test('a change between the look and the parking is not lost', async () => {
  let ready = false;
  // The other side acts just before it learns that this one parks.
  const list = new WaitList(() => {
    ready = true;
  });
  await list.until(() => ready);
  expect(list.parked).toBe(0);
});

test('whoever still waits after a wake-up is armed and looked at again', async () => {
  let armed = 0;
  let ready = 0;
  const list = new WaitList(() => {
    armed++;
    if (armed === 3) ready = 2;
  });
  const first = list.until(() => ready >= 1);
  const second = list.until(() => ready >= 2);
  expect(armed).toBe(2);
  ready = 1;
  list.wake();
  await Promise.all([first, second]);
  expect(armed).toBe(3);
  list.wake();
  expect(armed).toBe(3);
});

test('what a condition throws is what its wait throws, and only that one', async () => {
  const list = new WaitList();
  let broken = false;
  const failing = list.until(() => {
    if (broken) throw new Error('broken');
    return false;
  });
  const other = list.until(() => false);
  broken = true;
  list.wake();
  await expect(failing).rejects.toThrow('broken');
  expect(await stateOf(other)).toBe('pending');
  await expect(
    list.until(() => {
      throw new Error('at once');
    }),
  ).rejects.toThrow('at once');
});

test('a signal ends one wait', async () => {
  const list = new WaitList();
  const controller = new AbortController();
  const aborted = list.until(() => false, controller.signal);
  const other = list.until(() => false);
  controller.abort('why');
  await expect(aborted).rejects.toBe('why');
  expect(await stateOf(other)).toBe('pending');
  expect(list.parked).toBe(1);
  await expect(list.until(() => true, AbortSignal.abort('before'))).rejects.toBe('before');
});

test('a failure ends every wait, and every later one', async () => {
  const list = new WaitList();
  const all = [list.until(() => false), list.until(() => false)];
  list.fail('over');
  for (const waiting of all) await expect(waiting).rejects.toBe('over');
  await expect(list.until(() => true)).rejects.toBe('over');
  expect(() => list.throwIfOver()).toThrow('over');
  expect(list.parked).toBe(0);
});

test('a condition that wakes the list while it is looked at is looked at anew afterwards, not within', async () => {
  const list = new WaitList();
  const stock: number[] = [];
  let taken: number | undefined;
  const waiting = list.until(() => {
    const next = stock.shift();
    // Something is given back on the way, for which somebody may wait.
    if (next === 0) list.wake();
    taken = next === 0 ? undefined : next;
    return taken !== undefined;
  });
  stock.push(0, 7, 8);
  list.wake();
  await waiting;
  expect(taken).toBe(7);
  expect(stock).toEqual([8]);
});

test('as many are woken as there are, where each of them wakes the next one', async () => {
  const list = new WaitList();
  let available = 0;
  const take = (): boolean => {
    if (available === 0) return false;
    available--;
    list.wake();
    return true;
  };
  const waiting = Array.from({ length: 20_000 }, () => list.until(take));
  available = waiting.length;
  list.wake();
  await Promise.all(waiting);
  expect([available, list.parked]).toEqual([0, 0]);
});
