import { onAbort } from './on-abort.js';

/** What somebody waits for. */
export interface Sought {
  readonly isSettled: boolean;
  /** Of several: whether there is something to go on with, so that a look that finds no more may end. */
  readonly isBegun?: boolean;
}

interface Follower {
  readonly sought: Sought;
  readonly resolve: (end: 'end' | undefined) => void;
  readonly reject: (error: unknown) => void;
  /** Has its signal take it out no more. */
  readonly forget: () => void;
}

/** How many may be told before they go on, and whoever looks for them later. */
const AT_ONCE = 16;

/** Those who wait for something each, while one looks for all of them: it tells those whose turn has come, and no others. */
export class Followers {
  readonly #all = new Set<Follower>();
  /** How many were told that theirs is settled. */
  #told = 0;

  get count(): number {
    return this.#all.size;
  }

  /**
   * Waits until `sought` is settled.
   *
   * @returns `'end'` if it never will be.
   * @throws `signal.reason`, and what {@link fail} is called with.
   */
  join(sought: Sought, signal: AbortSignal | undefined): Promise<'end' | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw signal.reason;
      const forget = onAbort(signal, () => {
        this.#all.delete(follower);
        reject(signal?.reason);
      });
      const follower = { sought, resolve, reject, forget };
      this.#all.add(follower);
    });
  }

  /** To be called when something may be settled. */
  tellSettled(): void {
    for (const follower of this.#all) {
      if (!follower.sought.isSettled) continue;
      this.#told++;
      this.#takeOut(follower).resolve(undefined);
    }
  }

  /** Nothing will be settled any more. */
  tellEnd(): void {
    for (const follower of this.#all) this.#takeOut(follower).resolve('end');
  }

  fail(error: unknown): void {
    for (const follower of this.#all) this.#takeOut(follower).reject(error);
  }

  #takeOut(follower: Follower): Follower {
    this.#all.delete(follower);
    follower.forget();
    return follower;
  }

  /** What one waits for who looks for them all: a few of them, of those that are there. */
  some(): Sought {
    const before = this.#told;
    const count = (): number => this.#told - before;
    const isEmpty = (): boolean => this.#all.size === 0;
    return {
      get isSettled() {
        return count() >= AT_ONCE || isEmpty();
      },
      get isBegun() {
        return count() > 0;
      },
    };
  }
}
