import { onAbort } from './on-abort.js';

/**
 * Lets calls through one at a time, in the order in which they came, and without a detour when
 * nobody is before them.
 */
export class SerialQueue {
  #isBusy = false;
  /** Has each of those in line go in, in the order in which they came. */
  readonly #line = new Set<() => void>();
  /** Goes along the line. One for all of it: each new one would go over all that have left since the line was short. */
  #next: IterableIterator<() => void> | undefined;
  readonly #onFree: (() => void) | undefined;

  /** @param onFree called whenever the last call has left. Must not throw. */
  constructor(onFree?: () => void) {
    this.#onFree = onFree;
  }

  /** True while a call is inside or waits to go in. */
  get busy(): boolean {
    return this.#isBusy;
  }

  /**
   * Runs `task` once every earlier one has settled. A failed one does not stop the next.
   *
   * @param signal takes a call that still waits for its turn out of the line.
   * @throws what `task` throws, or `signal.reason`.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (!this.#isBusy) return this.#enter(task);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw signal.reason;
      const enter = (): void => {
        forget();
        this.#enter(task).then(resolve, reject);
      };
      const forget = onAbort(signal, () => {
        this.#line.delete(enter);
        reject(signal?.reason);
      });
      this.#line.add(enter);
    });
  }

  #enter<T>(task: () => Promise<T>): Promise<T> {
    // Before it begins: what it calls may come back here.
    this.#isBusy = true;
    let inside: Promise<T>;
    try {
      inside = task();
    } catch (error) {
      inside = Promise.reject(error);
    }
    inside.then(this.#leave, this.#leave);
    return inside;
  }

  // One for all calls: each that makes functions of its own costs more memory than a short message.
  readonly #leave = (): void => {
    this.#next ??= this.#line.values();
    const { value: enter } = this.#next.next();
    if (enter !== undefined) {
      this.#line.delete(enter);
      enter();
      return;
    }
    this.#next = undefined;
    this.#isBusy = false;
    this.#onFree?.();
  };
}
