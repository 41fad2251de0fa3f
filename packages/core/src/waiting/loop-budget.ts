import { clock } from './clock.js';

/** How often the clock is not looked at, while questions come as quickly as that many in so many milliseconds. */
const SKIPPED_LOOKS = 7;
const QUICK = 0.01;

/**
 * For how many microseconds work may hold the event loop at least. A turn takes a microsecond, and calls that wait for one
 * take as much again: after each message that would be most of what a short one costs.
 */
const LEAST_MICROSECONDS = 20;

/**
 * Watches how long a transport has held the event loop.
 *
 * Awaiting a promise that is already resolved never lets the event loop turn, so a loop over
 * messages that are always ready would starve timers and I/O. A transport asks `exhausted()` before
 * it answers at once, and takes a turn of the loop when it is.
 */
export class LoopBudget {
  readonly #workMilliseconds: number;
  readonly #pollMilliseconds: number;
  #turnStarted = 0;
  /** The turn for which the clock runs. */
  #turn = -1;
  /** When the clock was looked at, and how often it need not be from then on. */
  #lookedAt = 0;
  #looksToSkip = 0;

  /** @param spinMicroseconds how long the event loop may be held, but no less than 20. With 0 nothing may poll by it. */
  constructor(spinMicroseconds: number) {
    this.#workMilliseconds = Math.max(spinMicroseconds, LEAST_MICROSECONDS) / 1000;
    this.#pollMilliseconds = spinMicroseconds / 1000;
  }

  /** True if whoever sees nothing move may look on. */
  mayPoll(): boolean {
    return this.#pollMilliseconds > 0 && !this.#wasHeldFor(this.#pollMilliseconds);
  }

  /** True if the budget of this turn of the event loop is used up. Starts the clock if it is not running. */
  exhausted(): boolean {
    return this.#wasHeldFor(this.#workMilliseconds);
  }

  #wasHeldFor(milliseconds: number): boolean {
    if (this.#turn !== turnNumber) {
      countTurn();
      this.#turn = turnNumber;
      this.#turnStarted = clock.now();
      this.#lookedAt = this.#turnStarted;
      this.#looksToSkip = 0;
      return false;
    }
    if (this.#looksToSkip > 0) {
      this.#looksToSkip--;
      return false;
    }
    const now = clock.now();
    if (now - this.#turnStarted >= milliseconds) return true;
    // A look takes a tenth of the time of a small message. One message that takes long ends the haste.
    if (now - this.#lookedAt < QUICK) this.#looksToSkip = SKIPPED_LOOKS;
    this.#lookedAt = now;
    return false;
  }
}

/** Which turn of the event loop this is, of those that a budget has looked at; and whether its end is awaited. */
let turnNumber = 0;
let isTurnCounted = false;

/** For all budgets: one callback in each turn. */
function countTurn(): void {
  if (isTurnCounted) return;
  isTurnCounted = true;
  clock.setImmediate(endTurn);
}

function endTurn(): void {
  isTurnCounted = false;
  turnNumber++;
}

/** What all await who wait for the same turn, and those of them who go on last. */
let turn: Promise<void> | undefined;
let last: Promise<void> | undefined;
let goOnLast: (() => void) | undefined;

/** Lets the event loop turn once: timers and I/O that are due get their chance. */
export function nextTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    clock.setImmediate(() => {
      const goOn = goOnLast;
      // Who asks from here on asks for the next one.
      turn = undefined;
      last = undefined;
      goOnLast = undefined;
      resolve();
      // Behind what that has let go on, and all that follows from it without a turn.
      if (goOn !== undefined) void Promise.resolve().then(() => clock.nextTick(goOn));
    });
  });
  return turn;
}

/** True while somebody on this thread waits for the next turn: who polls until then keeps them waiting. */
export function isTurnAwaited(): boolean {
  return turn !== undefined;
}

/** As {@link nextTurn}, for who is about to poll: those who have waited for the same turn go on before. */
export function lastInNextTurn(): Promise<void> {
  last ??= new Promise((resolve) => {
    goOnLast = resolve;
    void nextTurn();
  });
  return last;
}

/**
 * Lets run what is due already, without a turn of the event loop: what waits for promises that are settled. Who is
 * about to poll would keep from running what it has just handed over.
 */
export function afterMicrotasks(): Promise<void> {
  return new Promise((resolve) => clock.nextTick(resolve));
}
