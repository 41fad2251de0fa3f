import { dispose } from '@pageferry/core';
import type { ComposedMessage } from '@pageferry/messages';
import type { PoolWorker } from './pool-worker.js';
import type { Run } from './protocol.js';

/**
 * A task that lies in the memory that is sent to a worker: its views are to be filled until it is run. One of the worker's
 * slots is its own from the beginning, until it was run or released.
 */
export interface ComposedTask<T = unknown> extends Disposable {
  /**
   * The task as the worker will see it. What is written to its views is sent; what else of it is changed is not.
   *
   * @throws `LOAN_NOT_OWNED` once it was run or released.
   */
  readonly value: T;
  /** True while the memory is yours. */
  readonly owned: boolean;
  /** Gives memory and slot back. Does nothing if they are not yours any more. */
  release(): void;
}

/** A {@link ComposedTask}, as the pool knows it. */
export class SlottedTask<T> implements ComposedTask<T> {
  readonly worker: PoolWorker;
  readonly id: number;
  readonly name: string;
  readonly message: ComposedMessage<Run & { readonly task: T }>;
  readonly #onRelease: () => void;
  #isSpent = false;

  constructor(
    worker: PoolWorker,
    { id, name }: Run,
    message: ComposedMessage<Run & { readonly task: T }>,
    onRelease: () => void,
  ) {
    this.worker = worker;
    this.id = id;
    this.name = name;
    this.message = message;
    this.#onRelease = onRelease;
  }

  get value(): T {
    return this.message.value.task;
  }

  get owned(): boolean {
    return this.message.owned;
  }

  /** The slot is that of the task that is run now. @returns false if it was run or released before. */
  spend(): boolean {
    if (this.#isSpent) return false;
    this.#isSpent = true;
    return true;
  }

  release(): void {
    this.message.release();
    if (this.spend()) this.#onRelease();
  }

  [dispose](): void {
    this.release();
  }
}
