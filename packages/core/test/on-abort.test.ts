import { getEventListeners } from 'node:events';
import { onAbort, withEither } from '@pageferry/core';
import { describe, expect, test } from 'vitest';

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('what waits for a signal', () => {
  test('is called once, in the order of the calls, and shares one listener (11.12)', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: number[] = [];
    for (let number = 0; number < 2000; number++) onAbort(signal, () => called.push(number));
    expect(listenersOf(signal)).toBe(1);
    controller.abort();
    expect(called).toEqual(Array.from({ length: 2000 }, (_, number) => number));
    expect(listenersOf(signal)).toBe(0);
  });

  test('is called behind listeners of others, too (11.12)', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: string[] = [];
    signal.addEventListener('abort', () => called.push('another'));
    onAbort(signal, () => called.push('ours'));
    controller.abort();
    expect(called).toEqual(['another', 'ours']);
    expect(listenersOf(signal)).toBe(1);
  });

  test('can be taken back, once, also while the signal fires (11.12)', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: string[] = [];
    const callback = (): void => {
      called.push('same');
    };
    const first = onAbort(signal, callback);
    const second = onAbort(signal, callback);
    first();
    first();
    expect(listenersOf(signal)).toBe(1);
    second();
    expect(listenersOf(signal)).toBe(0);
    let third = (): void => undefined;
    onAbort(signal, () => third());
    third = onAbort(signal, callback);
    controller.abort();
    expect(called).toEqual([]);
    // Nothing is left that could be taken back.
    third();
    expect(listenersOf(signal)).toBe(0);
  });

  test('never, where there is no signal', () => {
    expect(onAbort(undefined, () => expect.fail())()).toBeUndefined();
  });
});

describe('a wait that either of two signals ends', () => {
  test.each([0, 1])(
    'is ended by number %i, with its reason, and leaves no listener (11.12)',
    async (index) => {
      const controllers = [new AbortController(), new AbortController()] as const;
      const [one, other] = controllers;
      const waiting = withEither(
        one.signal,
        other.signal,
        (either) => new Promise((_, reject) => onAbort(either, () => reject(either.reason))),
      );
      const reason = new Error('enough');
      controllers[index]?.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      for (const { signal } of controllers) expect(listenersOf(signal)).toBe(0);
    },
  );

  test('has the signal itself where there is one, or one that has fired', async () => {
    const fired = AbortSignal.abort();
    const { signal } = new AbortController();
    const same = async (either: AbortSignal) => either;
    expect(await withEither(undefined, signal, same)).toBe(signal);
    expect(await withEither(fired, signal, same)).toBe(fired);
    expect(await withEither(signal, fired, same)).toBe(fired);
    expect(listenersOf(signal)).toBe(0);
  });
});
