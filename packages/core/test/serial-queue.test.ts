import { expect, test } from 'vitest';
import { SerialQueue } from '../dist/waiting/serial-queue.js';
import { stateOf, turns } from './support/turns.js';

/** A task that ends when the test says so. */
function gate(): { readonly task: () => Promise<string>; readonly open: (value: string) => void } {
  let open: (value: string) => void = () => {};
  const promise = new Promise<string>((resolve) => {
    open = resolve;
  });
  return { task: () => promise, open };
}

test('lets the first one in at once, and is free again afterwards', async () => {
  const queue = new SerialQueue();
  let inside = false;
  const passed = queue.run(async () => {
    inside = true;
  });
  expect(inside).toBe(true);
  expect(queue.busy).toBe(true);
  await passed;
  await turns(1);
  expect(queue.busy).toBe(false);
});

test('lets the others in one by one, in the order in which they came', async () => {
  const queue = new SerialQueue();
  const entered: number[] = [];
  let inside = 0;
  const all = [1, 2, 3, 4].map((number) =>
    queue.run(async () => {
      expect(++inside).toBe(1);
      entered.push(number);
      await turns(2);
      inside--;
      return number * 10;
    }),
  );
  expect(await Promise.all(all)).toEqual([10, 20, 30, 40]);
  expect(entered).toEqual([1, 2, 3, 4]);
});

test('a task that fails does not stop the next', async () => {
  const queue = new SerialQueue();
  const failed = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(async () => 'yes');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('yes');
});

test('a task that throws before it has begun rejects its call, and does not stop the next', async () => {
  const queue = new SerialQueue();
  const thrown = (): Promise<string> => {
    throw new Error('not even begun');
  };
  const first = queue.run(thrown);
  const second = queue.run(thrown);
  const third = queue.run(async () => 'third');
  await expect(first).rejects.toThrow('not even begun');
  await expect(second).rejects.toThrow('not even begun');
  expect(await third).toBe('third');
  expect(queue.busy).toBe(false);
});

test('a task that comes back while it begins gets into line behind itself', async () => {
  const told: boolean[] = [];
  const queue = new SerialQueue(() => told.push(queue.busy));
  const entered: string[] = [];
  const enter = (name: string) => async (): Promise<void> => {
    entered.push(name);
    await turns(2);
    entered.push(`${name} left`);
  };
  const all: Promise<void>[] = [];
  const outer = queue.run(() => {
    all.push(queue.run(enter('nested')));
    return enter('outer')();
  });
  all.push(outer, queue.run(enter('next')));
  await Promise.all(all);
  await turns(1);
  expect(entered).toEqual(['outer', 'outer left', 'nested', 'nested left', 'next', 'next left']);
  expect(told).toEqual([false]);
});

test('a long line keeps its order, whoever leaves it', async () => {
  const queue = new SerialQueue();
  const { task, open } = gate();
  const entered: number[] = [];
  const first = queue.run(task);
  const controllers = Array.from({ length: 300 }, () => new AbortController());
  const all = controllers.map(({ signal }, number) =>
    queue.run(async () => {
      entered.push(number);
      // Some leave while the line moves on.
      if (number % 10 === 0) controllers[number + 5]?.abort();
    }, signal),
  );
  for (let number = 1; number < 300; number += 3) controllers[number]?.abort();
  const outcomes = Promise.allSettled([first, ...all]);
  open('go');
  await outcomes;
  const expected = controllers.flatMap(({ signal }, number) => (signal.aborted ? [] : [number]));
  expect(entered).toEqual(expected);
  expect(expected.length).toBeGreaterThan(100);
  await turns(1);
  expect(queue.busy).toBe(false);
  expect(await queue.run(async () => 'again')).toBe('again');
});

test('a signal takes a call out of the line; those behind it keep their places', async () => {
  const queue = new SerialQueue();
  const { task, open } = gate();
  const first = queue.run(task);
  const controller = new AbortController();
  let entered = false;
  const second = queue.run(async () => {
    entered = true;
  }, controller.signal);
  const third = queue.run(async () => 'third');
  controller.abort(new Error('left'));
  await expect(second).rejects.toThrow('left');
  expect(await stateOf(third)).toBe('pending');
  open('first');
  expect(await first).toBe('first');
  expect(await third).toBe('third');
  expect(entered).toBe(false);
});

test('a signal that has fired already leaves the line without waiting', async () => {
  const queue = new SerialQueue();
  const { task, open } = gate();
  const first = queue.run(task);
  const second = queue.run(async () => 'second', AbortSignal.abort('gone'));
  await expect(second).rejects.toBe('gone');
  open('first');
  await first;
  await turns(1);
  expect(queue.busy).toBe(false);
});

test('says when the last call has left, be it that it failed, and not before', async () => {
  const told: boolean[] = [];
  const queue = new SerialQueue(() => told.push(queue.busy));
  const { task, open } = gate();
  const first = queue.run(task);
  const second = queue.run(() => Promise.reject(new Error('it fails')));
  await turns(2);
  expect(told).toEqual([]);
  open('in');
  await Promise.allSettled([first, second]);
  await turns(2);
  expect(told).toEqual([false]);
});
