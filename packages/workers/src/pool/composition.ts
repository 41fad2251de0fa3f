import { onAbort } from '@pageferry/core';
import { SlottedTask } from './composed-task.js';
import type { Job } from './job.js';
import type { PoolWorker } from './pool-worker.js';
import type { Run } from './protocol.js';

/** Waits for a slot of a worker, and lays a task out in its memory. */
export class Composition<T> implements Job {
  readonly composed: Promise<SlottedTask<T>>;
  readonly #run: Run & { readonly task: T };
  readonly #onFree: (worker: PoolWorker) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #forgetSignal: () => void;
  #isOver = false;
  #hasWorker = false;
  #resolve: (value: SlottedTask<T>) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  /** @param onFree the slot of this worker, which was its own, is free. */
  constructor(
    run: Run & { readonly task: T },
    signal: AbortSignal | undefined,
    onFree: (worker: PoolWorker) => void,
  ) {
    this.#run = run;
    this.#signal = signal;
    this.#onFree = onFree;
    this.composed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#forgetSignal = onAbort(signal, () => this.reject(signal?.reason));
  }

  /** Whether it has a slot, and may have to wait for memory. */
  get hasWorker(): boolean {
    return this.#hasWorker;
  }

  begin(worker: PoolWorker): void {
    this.#hasWorker = true;
    // It may have to wait for memory, and must not keep the slot when nobody waits for it any more.
    worker.compose(this.#run, this.#signal).then(
      (message) => {
        const task = new SlottedTask(worker, this.#run, message, () => this.#onFree(worker));
        if (this.#isOver) task.release();
        else this.#settle(() => this.#resolve(task));
      },
      (error) => {
        this.#onFree(worker);
        this.reject(error);
      },
    );
  }

  reject(error: unknown): void {
    if (!this.#isOver) this.#settle(() => this.#reject(error));
  }

  #settle(tell: () => void): void {
    this.#isOver = true;
    this.#forgetSignal();
    tell();
  }
}
