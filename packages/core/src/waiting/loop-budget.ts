import { clock } from './clock.js';
/**
 * Watches how long a transport has held the event loop.
 *
 * Awaiting a promise that is already resolved never lets the event loop turn, so a loop over
 * messages that are always ready would starve timers and I/O. A transport asks `exhausted()` before
 * it answers at once, and takes a turn of the loop when it is.
 */
export class LoopBudget {
  readonly #milliseconds: number;
  #turnStarted = 0;
  #turnHasStarted = false;
  readonly #startTurn = (): void => {
    this.#turnHasStarted = false;
  };

  /** @param microseconds how long the event loop may be held. */
  constructor(microseconds: number) {
    this.#milliseconds = microseconds / 1000;
  }

  /** True if the budget of this turn of the event loop is used up. Starts the clock if it is not running. */
  exhausted(): boolean {
    if (!this.#turnHasStarted) {
      this.#turnHasStarted = true;
      this.#turnStarted = clock.now();
      clock.setImmediate(this.#startTurn);
      return false;
    }
    return clock.now() - this.#turnStarted >= this.#milliseconds;
  }
}

/** Lets the event loop turn once: timers and I/O that are due get their chance. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => clock.setImmediate(resolve));
}
