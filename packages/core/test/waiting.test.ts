import {
  clock,
  LoopBudget,
  nextTurn,
  PageferryError,
  retryWithBackoff,
  withDeadline,
  withEither,
} from '@pageferry/core';
import { describe, expect, test, vi } from 'vitest';
import { useFakeClock } from './support/fake-clock.js';

const FOREVER = (signal?: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });

const WHY = (): string => 'no answer';

describe('withDeadline', () => {
  test('gives no signal where none is needed', async () => {
    expect(await withDeadline({}, async (signal) => signal, WHY)).toBeUndefined();
    expect(
      await withDeadline({ signal: undefined }, async (signal) => signal, WHY),
    ).toBeUndefined();
  });

  test('has a call within it throw its own error, also under a signal that something else may end, too', async () => {
    const { signal: end } = new AbortController();
    let within: unknown;
    const limited = withDeadline(
      { timeout: 5 },
      (limit) =>
        withEither(limit, end, (signal) =>
          withDeadline({ signal }, FOREVER, () => 'no message'),
        ).catch((error) => {
          within = error;
          throw error;
        }),
      WHY,
    );
    await expect(limited).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(within).toMatchObject({ code: 'TIMEOUT' });
    // Any other signal is the program's, and tells nothing of what to throw.
    const controller = new AbortController();
    const aborted = withEither(controller.signal, end, (signal) =>
      withDeadline({ signal }, FOREVER, WHY),
    );
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('turns a time limit into TIMEOUT and an abort into ABORTED', async () => {
    await expect(withDeadline({ timeout: 5 }, FOREVER, WHY)).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const controller = new AbortController();
    const waiting = withDeadline({ signal: controller.signal, timeout: 60_000 }, FOREVER, WHY);
    controller.abort('why');
    await expect(waiting).rejects.toMatchObject({
      code: 'ABORTED',
      name: 'AbortError',
      cause: 'why',
    });
  });

  test('says what was waited for, once it is given up (11.17)', async () => {
    const why = vi.fn(WHY);
    await expect(withDeadline({ timeout: 5 }, FOREVER, why)).rejects.toThrow(
      'timed out after 5 ms: no answer',
    );
    const controller = new AbortController();
    const waiting = withDeadline({ signal: controller.signal, timeout: 60_000 }, FOREVER, why);
    controller.abort();
    await expect(waiting).rejects.toThrow('the operation was aborted: no answer');
    expect(why).toHaveBeenCalledTimes(2);
    await withDeadline({ timeout: 60_000 }, async () => 1, why);
    expect(why).toHaveBeenCalledTimes(2);
    const unable = (): never => {
      throw new Error('the sender is gone');
    };
    await expect(withDeadline({ timeout: 5 }, FOREVER, unable)).rejects.toThrow(
      'timed out after 5 ms: nothing happened',
    );
  });

  test('gives each wait an error of its own, which shows who called (11.17)', async () => {
    const shared = new PageferryError('SYSTEM_CALL_FAILED', 'it broke', {
      syscall: 'read',
      errno: 5,
      errnoName: 'EIO',
      bytesTransferred: 3,
      cause: 'a cause',
    });
    shared.stack = 'of a timer';
    const fail = async (): Promise<never> => {
      await nextTurn();
      throw shared;
    };
    async function firstCaller(): Promise<unknown> {
      return await withDeadline({}, fail, WHY);
    }
    function secondCaller(): Promise<unknown> {
      return withDeadline({ timeout: 60_000 }, fail, WHY);
    }
    const [one, other] = await Promise.all([
      firstCaller().catch((error: unknown) => error as PageferryError),
      secondCaller().catch((error: unknown) => error as PageferryError),
    ]);
    expect((one as Error).stack).toMatch(/^PageferryError: it broke\n[\s\S]*firstCaller/);
    expect((other as Error).stack).toMatch(/^PageferryError: it broke\n[\s\S]*secondCaller/);
    const { code, message, syscall, errno, errnoName, bytesTransferred, cause } = shared;
    for (const told of [one, other]) {
      const same = { code, message, syscall, errno, errnoName, bytesTransferred, cause };
      expect(told).toMatchObject(same);
      expect(Object.keys(told as Error)).toEqual(Object.keys(shared));
    }
    await expect(withDeadline({}, () => Promise.reject(7), WHY)).rejects.toBe(7);
  });

  test('does not begin with a signal that has fired', async () => {
    const run = vi.fn(async () => {});
    const options = { signal: AbortSignal.abort('early') };
    await expect(withDeadline(options, run, WHY)).rejects.toMatchObject({ cause: 'early' });
    expect(run).not.toHaveBeenCalled();
  });

  test('refuses unusable options before it begins', async () => {
    const run = vi.fn(async () => {});
    for (const [options, argument] of [
      [null, 'options'],
      [5, 'options'],
      [{ signal: 5 }, 'signal'],
      [{ timeout: -1 }, 'timeout'],
      [{ timeout: 1.5 }, 'timeout'],
      [{ timeout: 2 ** 31 }, 'timeout'],
      [{ timeout: '5' }, 'timeout'],
    ] as const) {
      await expect(withDeadline(options as never, run, WHY)).rejects.toMatchObject({ argument });
    }
    expect(run).not.toHaveBeenCalled();
  });

  test('leaves no timer and no listener behind', async () => {
    useFakeClock();
    const { signal } = new AbortController();
    const remove = vi.spyOn(signal, 'removeEventListener');
    await withDeadline({ signal, timeout: 1000 }, async () => {}, WHY);
    await expect(
      withDeadline({ signal, timeout: 1000 }, () => Promise.reject(new Error('no')), WHY),
    ).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
    expect(remove).toHaveBeenCalledTimes(2);
  });
});

describe('retryWithBackoff', () => {
  test('asks again with longer pauses until there is an answer', async () => {
    useFakeClock();
    let attempts = 0;
    const answer = retryWithBackoff(
      async () => (++attempts === 6 ? 'here' : undefined),
      undefined,
      4,
    );
    const seen: number[] = [];
    for (const pause of [0, 1, 2, 4, 4, 4]) {
      await vi.advanceTimersByTimeAsync(pause);
      seen.push(attempts);
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await answer).toBe('here');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('an answer may be anything but undefined', async () => {
    expect(await retryWithBackoff(async () => null, undefined)).toBeNull();
    expect(await retryWithBackoff(async () => 0, undefined)).toBe(0);
  });

  test('ends with what an attempt throws, and with the reason of the signal', async () => {
    const failing = () => Promise.reject(new Error('no'));
    await expect(retryWithBackoff(failing, undefined)).rejects.toThrow('no');
    const controller = new AbortController();
    const waiting = retryWithBackoff(async () => undefined, controller.signal, 60_000);
    controller.abort('why');
    await expect(waiting).rejects.toBe('why');
    const attempt = vi.fn(async () => 1);
    await expect(retryWithBackoff(attempt, AbortSignal.abort('early'))).rejects.toBe('early');
    expect(attempt).not.toHaveBeenCalled();
  });
});

describe('LoopBudget', () => {
  test('is used up after its time, and whole again in the next turn of the event loop', async () => {
    const now = vi.spyOn(clock, 'now');
    now.mockReturnValue(1000);
    const budget = new LoopBudget(500);
    expect(budget.exhausted()).toBe(false);
    now.mockReturnValue(1000.4);
    expect(budget.exhausted()).toBe(false);
    now.mockReturnValue(1000.5);
    expect(budget.exhausted()).toBe(true);
    await Promise.resolve();
    expect(budget.exhausted()).toBe(true);
    await nextTurn();
    expect(budget.exhausted()).toBe(false);
    now.mockReturnValue(1001);
    expect(budget.exhausted()).toBe(true);
    now.mockRestore();
  });

  test('is looked after seldom while steps are quick, and at each step that is not', () => {
    const now = vi.spyOn(clock, 'now');
    const budget = new LoopBudget(1000);
    let time = 1000;
    const step = (milliseconds: number): boolean => {
      time += milliseconds;
      now.mockReturnValue(time);
      return budget.exhausted();
    };
    for (let count = 0; count < 81; count++) expect(step(0.001)).toBe(false);
    expect(now.mock.calls.length).toBeLessThan(15);
    // At most seven that take long are overlooked after that.
    for (let count = 0; count < 8; count++) step(0.2);
    expect(step(0)).toBe(true);
    now.mockRestore();
  });

  test('of nothing lets nobody poll, and short work be done at a stretch', async () => {
    const now = vi.spyOn(clock, 'now');
    now.mockReturnValue(1000);
    const budget = new LoopBudget(0);
    expect(budget.mayPoll()).toBe(false);
    expect(budget.exhausted()).toBe(false);
    now.mockReturnValue(1000.019);
    expect(budget.exhausted()).toBe(false);
    now.mockReturnValue(1000.021);
    expect(budget.exhausted()).toBe(true);
    await nextTurn();
    expect(budget.exhausted()).toBe(false);
    expect(budget.mayPoll()).toBe(false);
    now.mockRestore();
  });

  test('of little lets polling go on no longer, though work may', () => {
    const now = vi.spyOn(clock, 'now');
    now.mockReturnValue(1000);
    const budget = new LoopBudget(5);
    expect(budget.mayPoll()).toBe(true);
    now.mockReturnValue(1000.011);
    expect(budget.mayPoll()).toBe(false);
    expect(budget.exhausted()).toBe(false);
    now.mockRestore();
  });

  test('of something lets polling go on until it is used up', () => {
    const now = vi.spyOn(clock, 'now');
    now.mockReturnValue(1000);
    const budget = new LoopBudget(50);
    expect(budget.mayPoll()).toBe(true);
    now.mockReturnValue(1000.06);
    expect(budget.mayPoll()).toBe(false);
    now.mockRestore();
  });
});

test('nextTurn lets timers and immediates run first', async () => {
  const seen: string[] = [];
  setImmediate(() => seen.push('immediate'));
  await nextTurn();
  expect(seen).toEqual(['immediate']);
  expect(new PageferryError('TIMEOUT', 'x').name).toBe('PageferryError');
});
