import { onAbort } from './on-abort.js';
import type { Waits } from './waits.js';

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Set while its condition is looked at: whether somebody has woken the list meanwhile. */
  wokenWithin: boolean | undefined;
}

/**
 * Waiters that are parked until their condition holds. Whoever changes the state calls
 * {@link WaitList.wake}. Waiters are checked in the order in which they came.
 */
export class WaitList implements Waits {
  readonly #waiters = new Set<Waiter>();
  readonly #arm: (() => void) | undefined;
  #failure: unknown;
  #isWaking = false;
  /** Whether it was woken while it woke its waiters. */
  #isWokenAgain = false;

  /**
   * @param arm asks the other side to wake this one. Called each time before waiters park;
   *   conditions are checked once more afterwards, so that a change in between is not missed. What it
   *   throws, those who wait throw.
   */
  constructor(arm?: () => void) {
    this.#arm = arm;
  }

  get parked(): number {
    return this.#waiters.size;
  }

  until(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.throwIfOver(signal);
      if (ready()) {
        resolve();
        return;
      }
      const settle = (): void => {
        this.#waiters.delete(waiter);
        forget();
      };
      const waiter: Waiter = {
        ready,
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        wokenWithin: undefined,
      };
      const forget = onAbort(signal, () => waiter.reject(signal?.reason));
      this.#waiters.add(waiter);
      if (this.#arm && this.#tryToArm(this.#arm)) this.#check(waiter);
    });
  }

  /** Throws what a wait that begins now would throw: `signal.reason`, or the argument of `fail`. */
  throwIfOver(signal?: AbortSignal): void {
    if (signal?.aborted) throw signal.reason;
    if (this.#failure !== undefined) throw this.#failure;
  }

  wake(): void {
    // What one waiter takes may be what wakes the next one, and so on: all of them in one another would be too deep.
    if (this.#isWaking) {
      this.#isWokenAgain = true;
      return;
    }
    this.#isWaking = true;
    try {
      do {
        this.#isWokenAgain = false;
        for (const waiter of this.#waiters) this.#check(waiter);
        if (this.#waiters.size === 0 || !this.#arm || !this.#tryToArm(this.#arm)) continue;
        for (const waiter of this.#waiters) this.#check(waiter);
      } while (this.#isWokenAgain);
    } finally {
      this.#isWaking = false;
    }
  }

  fail(error: unknown): void {
    this.#failure = error;
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  /** False if it failed: nobody would wake those who wait, so they learn of it. */
  #tryToArm(arm: () => void): boolean {
    try {
      arm();
      return true;
    } catch (error) {
      for (const waiter of this.#waiters) waiter.reject(error);
      return false;
    }
  }

  #check(waiter: Waiter): void {
    if (waiter.wokenWithin !== undefined) {
      // A look that gives memory back wakes whoever waits for it. Within itself it must not begin anew: it would take
      // what comes next, and forget that when it goes on.
      waiter.wokenWithin = true;
      return;
    }
    try {
      do {
        waiter.wokenWithin = false;
        if (waiter.ready()) waiter.resolve();
      } while (waiter.wokenWithin && this.#waiters.has(waiter));
    } catch (error) {
      waiter.reject(error);
    } finally {
      waiter.wokenWithin = undefined;
    }
  }
}
