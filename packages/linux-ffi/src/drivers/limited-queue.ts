import { clock } from '@pageferry/core';
/** Starts something that is done when `settle` is called. May throw if it cannot be started now. */
export type Task = (settle: (result: number) => void) => void;

interface Entry {
  readonly task: Task;
  readonly resolve: (result: number) => void;
}

/** Runs a limited number of tasks at once, in the order in which they were added. */
export class LimitedQueue {
  readonly #limit: number;
  readonly #waiting: Entry[] = [];
  #running = 0;
  #retrying = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves to what the task settles with. */
  add(task: Task): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push({ task, resolve });
      this.#startMore();
    });
  }

  #startMore(): void {
    while (this.#running < this.#limit) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      this.#running++;
      try {
        entry.task((result) => {
          this.#running--;
          entry.resolve(result);
          this.#startMore();
        });
      } catch {
        this.#running--;
        this.#waiting.unshift(entry);
        this.#retryLater();
        return;
      }
    }
  }

  /** Others have taken all the places there are, and say nothing when they give one back. */
  #retryLater(): void {
    if (this.#retrying) return;
    this.#retrying = true;
    clock.setTimeout(() => {
      this.#retrying = false;
      this.#startMore();
    }, 1);
  }
}
