import { onAbort } from './on-abort.js';
import type { Waits } from './waits.js';

interface Waiter {
  readonly ready: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Waiters that are parked until their condition holds. Whoever changes the state calls
 * {@link WaitList.wake}. Waiters are checked in the order in which they came.
 */
export class WaitList implements Waits {
  readonly #waiters = new Set<Waiter>();
  readonly #arm: (() => void) | undefined;
  #failure: unknown;
  /** True while a condition is looked at. */
  #isLooking = false;
  /** Whether somebody has woken the list meanwhile. */
  #wasWokenWithin = false;

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
      };
      const forget = onAbort(signal, () => waiter.reject(signal?.reason));
      this.#waiters.add(waiter);
      if (!this.#arm || !this.#tryToArm(this.#arm)) return;
      this.#check(waiter);
      if (this.#wasWokenWithin) this.wake();
    });
  }

  /** Throws what a wait that begins now would throw: `signal.reason`, or the argument of `fail`. */
  throwIfOver(signal?: AbortSignal): void {
    if (signal?.aborted) throw signal.reason;
    if (this.#failure !== undefined) throw this.#failure;
  }

  wake(): void {
    // A look that gives memory back wakes whoever waits for it. Within itself it must not begin anew: it would take what
    // comes next, and forget that when it goes on. And of many, each of which wakes the next one, it would be too deep.
    if (this.#isLooking) {
      this.#wasWokenWithin = true;
      return;
    }
    do {
      this.#wasWokenWithin = false;
      for (const waiter of this.#waiters) this.#check(waiter);
      if (this.#waiters.size === 0 || !this.#arm || !this.#tryToArm(this.#arm)) continue;
      for (const waiter of this.#waiters) this.#check(waiter);
    } while (this.#wasWokenWithin);
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
    const isWithin = this.#isLooking;
    this.#isLooking = true;
    try {
      if (waiter.ready()) waiter.resolve();
    } catch (error) {
      waiter.reject(error);
    } finally {
      this.#isLooking = isWithin;
    }
  }
}
