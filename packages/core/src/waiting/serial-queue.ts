import { onAbort } from './on-abort.js';

/**
 * Lets calls through one at a time, in the order in which they came, and without a detour when
 * nobody is before them.
 */
export class SerialQueue {
  #tail: Promise<void> | undefined;
  readonly #onFree: (() => void) | undefined;

  /** @param onFree called whenever the last call has left. Must not throw. */
  constructor(onFree?: () => void) {
    this.#onFree = onFree;
  }

  /** True while a call is inside or waits to go in. */
  get busy(): boolean {
    return this.#tail !== undefined;
  }

  /**
   * Runs `task` once every earlier one has settled. A failed one does not stop the next.
   *
   * @param signal takes a call that still waits for its turn out of the line.
   * @throws what `task` throws, or `signal.reason`.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#tail;
    const turn = before === undefined ? task() : afterwards(before, task, signal);
    const leave = (): void => {
      if (this.#tail !== left) return;
      this.#tail = undefined;
      this.#onFree?.();
    };
    // A call that has left the line early leaves those before it inside.
    const stay = (): Promise<void> | void => before;
    const done: Promise<unknown> = before === undefined ? turn : turn.then(stay, stay);
    const left: Promise<void> = done.then(leave, leave);
    this.#tail = left;
    return turn;
  }
}

function afterwards<T>(
  before: Promise<void>,
  task: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason;
    let left = false;
    const forget = onAbort(signal, () => {
      left = true;
      reject(signal?.reason);
    });
    void before.then(() => {
      forget();
      if (!left) task().then(resolve, reject);
    });
  });
}
