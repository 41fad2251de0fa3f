import { AdaptiveWaits } from '@pageferry/connection';
import { clock, LoopBudget, nextTurn } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const calls = loadLinuxCalls();

// A clock that goes on by a microsecond at each look: how busy the machine is makes no difference.
let now = 0;
beforeEach(() => {
  vi.spyOn(clock, 'now').mockImplementation(() => {
    now += 0.001;
    return now;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Settings {
  readonly budget?: number;
  readonly spin?: number;
  readonly onArm?: () => void;
  readonly calls?: LinuxCalls;
}

/** Waits, and how often they said that they were about to park. Times are in microseconds. */
function createWaits(settings: Settings = {}) {
  const { budget = 50, spin = 0, onArm } = settings;
  const armed = { times: 0 };
  const waits = new AdaptiveWaits({
    calls: settings.calls ?? calls,
    budget: new LoopBudget(budget),
    spinMicroseconds: spin,
    arm: () => {
      armed.times++;
      onArm?.();
    },
  });
  return { waits, armed };
}

/** System calls of which a yield is away from the processor for so many milliseconds. */
function callsWithYields(away: () => number): LinuxCalls {
  return {
    ...calls,
    schedYield: () => {
      now += away();
      return 0;
    },
  };
}

/** Counts turns of the event loop until it is stopped. */
function countTurns(): { readonly count: number; stop(): void } {
  let count = 0;
  let stopped = false;
  const next = (): void => {
    count++;
    if (!stopped) setImmediate(next);
  };
  setImmediate(next);
  return {
    get count() {
      return count;
    },
    stop: () => {
      stopped = true;
    },
  };
}

/** A wait that does not end by itself. */
function waitInVain(waits: AdaptiveWaits) {
  let looks = 0;
  const waiting = waits.until(() => {
    looks++;
    return false;
  });
  return {
    /** How often it has looked. */
    get looks() {
      return looks;
    },
    async end(): Promise<void> {
      waits.fail(new Error('over'));
      await expect(waiting).rejects.toThrow('over');
    },
  };
}

/** Waits that end at the third look, one after the other. */
async function answerAtOnce(waits: AdaptiveWaits, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    let looks = 0;
    await waits.until(() => ++looks === 3);
  }
}

/** How often a wait has looked by the time that it has parked. */
async function looksBeforeParking(waits: AdaptiveWaits): Promise<number> {
  const inVain = waitInVain(waits);
  const { looks } = inVain;
  expect(waits.parked).toBe(1);
  await inVain.end();
  return looks;
}

describe('a wait that may not poll', () => {
  test('looks a few times before it parks, whatever became of those before it', async () => {
    for (const before of [0, 1, 15]) {
      const { waits } = createWaits({ budget: 0 });
      await answerAtOnce(waits, before);
      expect(await looksBeforeParking(waits)).toBeLessThan(150);
    }
  });

  test('looks for as long as a wake-up takes where those before it were answered at once', async () => {
    const { waits, armed } = createWaits({ budget: 0 });
    await answerAtOnce(waits, 16);
    const began = now;
    const inVain = waitInVain(waits);
    expect(now - began).toBeGreaterThan(0.05);
    expect(now - began).toBeLessThan(0.06);
    expect(inVain.looks).toBeGreaterThan(1000);
    expect([armed.times, waits.parked]).toEqual([1, 1]);
    await inVain.end();
  });

  test('ends with an answer that comes while it does so, and has not parked', async () => {
    const { waits, armed } = createWaits({ budget: 0 });
    await answerAtOnce(waits, 16);
    let looks = 0;
    await waits.until(() => ++looks === 1000);
    expect(armed.times).toBe(0);
  });

  test('does so at most four times without an answer at once in between', async () => {
    const { waits } = createWaits({ budget: 0 });
    await answerAtOnce(waits, 1000);
    const longer = (looks: number): boolean => looks > 1000;
    const seen: number[] = [];
    for (let time = 0; time < 20; time++) {
      // Each is answered once it has parked.
      let looks = 0;
      let answered = false;
      const waiting = waits.until(() => {
        looks++;
        return answered;
      });
      seen.push(looks);
      answered = true;
      waits.wake();
      await waiting;
    }
    expect(seen.filter(longer).length).toBe(4);
    expect(seen.slice(0, 4).every(longer)).toBe(true);
  });

  test('ends a longer look once something moves: each look may be work', async () => {
    const { waits } = createWaits({ budget: 0 });
    await answerAtOnce(waits, 16);
    let looks = 0;
    const waiting = waits.until(() => {
      if (++looks > 500) waits.moved();
      return looks === 2000;
    });
    expect(looks).toBeLessThan(510);
    while (waits.parked > 0) waits.wake();
    await waiting;
  });

  test('earns nothing with what was so from the first look on', async () => {
    const { waits } = createWaits({ budget: 0 });
    for (let time = 0; time < 100; time++) await waits.until(() => true);
    expect(await looksBeforeParking(waits)).toBeLessThan(150);
  });

  test('keeps what it has earned while others wait for a turn', async () => {
    const { waits } = createWaits({ budget: 0 });
    await answerAtOnce(waits, 16);
    const turn = nextTurn();
    expect(await looksBeforeParking(waits)).toBeLessThan(150);
    await turn;
    const { waits: free } = createWaits({ budget: 0 });
    await answerAtOnce(free, 16);
    const turnOfOthers = nextTurn();
    let answered = false;
    const waiting = free.until(() => answered);
    answered = true;
    free.wake();
    await Promise.all([waiting, turnOfOthers]);
    expect(await looksBeforeParking(free)).toBeGreaterThan(1000);
  });

  test('does not do so where the other side may need its processor', async () => {
    const shared = callsWithYields(() => 0.01);
    const { waits } = createWaits({ budget: 0, calls: shared });
    await answerAtOnce(waits, 1000);
    expect(await looksBeforeParking(waits)).toBeLessThan(150);
  });
});

describe('a wait', () => {
  test('ends at once, without parking, when its condition holds', async () => {
    const { waits, armed } = createWaits();
    await waits.until(() => true);
    expect(armed.times).toBe(0);
  });

  test('sees what changes while it says that it is about to park', async () => {
    let changed = false;
    const { waits } = createWaits({
      onArm: () => {
        changed = true;
      },
    });
    await waits.until(() => changed);
    expect(waits.parked).toBe(0);
  });

  test('sees what changes while it says so again after a ring in vain', async () => {
    let arms = 0;
    const { waits } = createWaits({ onArm: () => arms++ });
    const waiting = waits.until(() => arms === 2);
    while (waits.parked === 0) await new Promise(setImmediate);
    expect(arms).toBe(1);
    waits.wake();
    await waiting;
  });

  test('with spinMicroseconds 0 parks without a turn in between', async () => {
    const { waits, armed } = createWaits({ budget: 0, spin: 0 });
    let changed = false;
    const waiting = waits.until(() => changed);
    expect(waits.parked).toBe(1);
    expect(armed.times).toBe(1);
    changed = true;
    waits.wake();
    await waiting;
  });

  test('lets the event loop turn while it spins', async () => {
    const { waits, armed } = createWaits({ budget: 100, spin: 1_000_000 });
    const turns = countTurns();
    // The condition comes true by the event loop's turns alone, so it needs a good many of them.
    await waits.until(() => turns.count >= 20);
    turns.stop();
    expect(armed.times).toBe(0);
  });

  test('lets timers fire while it spins for longer than they take', async () => {
    const { waits } = createWaits({ budget: 100, spin: 1_000_000 });
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 1);
    await waits.until(() => fired);
  });

  test('lets it turn at once when somebody else waits for a turn, and looks when that one is done', async () => {
    const { waits } = createWaits({ budget: 1_000_000, spin: 10_000_000 });
    let steps = 0;
    const other = async () => {
      await nextTurn();
      for (; steps < 10; steps++) await null;
    };
    const working = other();
    const seen: number[] = [];
    await waits.until(() => seen.push(steps) === 10_000 || steps > 0);
    await working;
    // It has polled a little before the turn, and not in the middle of the other's steps.
    expect(seen.length).toBeLessThan(1000);
    expect(seen.at(-1)).toBe(10);
  });

  test('lets the event loop turn while something moves in every look', async () => {
    const { waits, armed } = createWaits({ budget: 100, spin: 1_000_000 });
    const turns = countTurns();
    await waits.until(() => {
      waits.moved();
      return turns.count >= 20;
    });
    turns.stop();
    expect(armed.times).toBe(0);
  });

  test('parks when nothing has moved for as long as it may spin', async () => {
    const { waits, armed } = createWaits({ budget: 100, spin: 200 });
    let changed = false;
    const waiting = waits.until(() => changed);
    while (waits.parked === 0) await new Promise(setImmediate);
    expect(armed.times).toBe(1);
    changed = true;
    waits.wake();
    await waiting;
  });

  test('looks once between two yields while somebody else runs on its processor', async () => {
    let away = 0.01;
    let yields = 0;
    const shared = callsWithYields(() => {
      yields++;
      return away;
    });
    const { waits } = createWaits({ budget: 100_000, spin: 1_000_000, calls: shared });
    let looks = 0;
    /** How often it looks until it has yielded once more. */
    const looksInBetween = async (): Promise<number> => {
      const before = looks;
      const begun = yields;
      await waits.until(() => {
        if (yields > begun) return true;
        looks++;
        return false;
      });
      return looks - before;
    };
    expect(waits.sharesProcessor).toBe(false);
    expect(await looksInBetween()).toBeGreaterThan(1);
    expect(waits.sharesProcessor).toBe(true);
    expect(await looksInBetween()).toBe(1);
    // It has the processor to itself again.
    away = 0;
    expect(await looksInBetween()).toBe(1);
    expect(waits.sharesProcessor).toBe(false);
    expect(await looksInBetween()).toBeGreaterThan(1);
  });

  test('parks before its time when a yield shows that others want the processor', async () => {
    const greedy = callsWithYields(() => 1);
    const { waits, armed } = createWaits({ budget: 100_000, spin: 1_000_000, calls: greedy });
    let looks = 0;
    const waiting = waits.until(() => ++looks === 1000);
    expect(waits.parked).toBe(1);
    expect(armed.times).toBe(1);
    while (waits.parked > 0) waits.wake();
    await waiting;
  });

  test('polls on while something moves', async () => {
    const { waits, armed } = createWaits({ budget: 100, spin: 100_000 });
    let looks = 0;
    await waits.until(() => {
      waits.moved();
      return ++looks === 10_000;
    });
    expect(armed.times).toBe(0);
  });

  test('does not poll while another one does, and is asked in each turn instead', async () => {
    const { waits, armed } = createWaits({ budget: 100, spin: 1_000_000 });
    const turns = countTurns();
    const first = waits.until(() => turns.count >= 20);
    let looks = 0;
    const second = waits.until(() => {
      looks++;
      return turns.count >= 5;
    });
    expect(waits.parked).toBe(1);
    await second;
    expect(looks).toBeLessThan(20);
    await first;
    turns.stop();
    expect(armed.times).toBe(0);
  });

  test.each<[string, () => boolean]>([
    ['is over', () => true],
    [
      'fails',
      () => {
        throw new Error('no good');
      },
    ],
  ])('asks to be woken when the one that has polled %s', async (_, end) => {
    const { waits, armed } = createWaits({ budget: 100, spin: 1_000_000 });
    let ends = false;
    const polling = waits.until(() => ends && end()).catch(() => undefined);
    let changed = false;
    const waiting = waits.until(() => changed);
    expect(armed.times).toBe(0);
    ends = true;
    await polling;
    while (armed.times === 0) await new Promise(setImmediate);
    expect(waits.parked).toBe(1);
    changed = true;
    waits.wake();
    await waiting;
  });

  test('asks to be woken for all when the one that has polled parks, or is given up', async () => {
    for (const isGivenUp of [false, true]) {
      const { waits, armed } = createWaits({ budget: 100, spin: isGivenUp ? 1_000_000 : 200 });
      const controller = new AbortController();
      let changed = false;
      const polling = waits.until(() => changed, controller.signal).catch(() => undefined);
      const waiting = waits.until(() => changed);
      if (isGivenUp) controller.abort();
      while (armed.times === 0) await new Promise(setImmediate);
      expect(waits.parked).toBe(isGivenUp ? 1 : 2);
      changed = true;
      waits.wake();
      await Promise.all([polling, waiting]);
    }
  });

  test('ends by its signal, by a failure, and by what its condition throws', async () => {
    const { waits } = createWaits();
    const controller = new AbortController();
    const aborted = waits.until(() => false, controller.signal);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(waits.until(() => true, controller.signal)).rejects.toThrow('enough');

    const throwing = waits.until(() => {
      throw new Error('no good');
    });
    await expect(throwing).rejects.toThrow('no good');

    const failing = waits.until(() => false);
    waits.fail(new Error('closed'));
    await expect(failing).rejects.toThrow('closed');
    await expect(waits.until(() => true)).rejects.toThrow('closed');
    expect(waits.parked).toBe(0);
  });

  test('that resumes soon looks again in the next turn, and is not rung for meanwhile', async () => {
    const { waits, armed } = createWaits();
    const inVain = waitInVain(waits);
    while (waits.parked === 0) await new Promise(setImmediate);
    const before = { looks: inVain.looks, arms: armed.times };
    waits.resumeSoon();
    waits.wake();
    expect(inVain.looks).toBeGreaterThan(before.looks);
    expect(armed.times).toBe(before.arms);
    const woken = inVain.looks;
    await new Promise(setImmediate);
    expect(inVain.looks).toBeGreaterThan(woken);
    // It was woken since the last turn, and says that it parks after one without that.
    expect(armed.times).toBe(before.arms);
    await new Promise(setImmediate);
    expect(armed.times).toBe(before.arms + 1);
    await inVain.end();
  });

  test('says once that it parks when nothing comes any more, and not while something comes in each turn', async () => {
    const { waits, armed } = createWaits();
    const inVain = waitInVain(waits);
    expect(armed.times).toBe(1);
    for (let turn = 0; turn < 50; turn++) {
      const before = inVain.looks;
      waits.wake();
      expect(inVain.looks).toBeGreaterThan(before);
      await new Promise(setImmediate);
    }
    expect(armed.times).toBe(1);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(armed.times).toBe(2);
    const before = inVain.looks;
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(inVain.looks).toBe(before);
    await inVain.end();
  });

  test('sees what changes, without a word, before it has said that it parks', async () => {
    const { waits, armed } = createWaits();
    let changed = false;
    const waiting = waits.until(() => changed);
    waits.wake();
    const before = armed.times;
    changed = true;
    await waiting;
    expect(armed.times).toBe(before);
  });
});
