import { abortedError, onAbort } from '@pageferry/core';
import type { Message } from '@pageferry/messages';
import type { SlottedTask } from './composed-task.js';
import type { Job } from './job.js';
import { type PoolWorker, WorkerAnswered, WorkerDied } from './pool-worker.js';
import type { Run } from './protocol.js';

/** What a task is made of. */
export interface TaskParts {
  readonly id: number;
  readonly name: string;
  /** The task, or one that was composed. */
  readonly value: unknown;
  readonly composed: SlottedTask<unknown> | undefined;
  /** Whether the answer is to stay where it lies. */
  readonly inPlace: boolean;
  readonly retries: number;
  readonly signal: AbortSignal | undefined;
}

/** What the pool does about a task. */
export interface TaskEvents {
  now(): number;
  /** It was begun, after it has waited for so many milliseconds. */
  onBegin(task: Task, waited: number): void;
  /** A worker has answered, be it with an error. What was refused on this side is no answer. */
  onAnswered(): void;
  /** It is to be run again, by another worker. */
  onRetry(task: Task): void;
  /** The caller has its answer, or its error. */
  onSettled(task: Task, outcome: 'completed' | 'failed' | 'aborted', ran: number): void;
  /** The worker's slot is free. */
  onFree(worker: PoolWorker): void;
}

/** A task, from `run` to its answer. */
export class Task implements Job {
  readonly answer: Promise<unknown>;
  readonly #parts: TaskParts;
  readonly #events: TaskEvents;
  readonly #forgetSignal: () => void;
  readonly #since: number;
  #retries: number;
  #worker: PoolWorker | undefined;
  #begun = 0;
  #isSettled = false;
  #resolve: (value: unknown) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(parts: TaskParts, events: TaskEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#retries = parts.composed === undefined ? parts.retries : 0;
    this.#since = events.now();
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#forgetSignal = onAbort(parts.signal, () => this.#abort());
  }

  /** True while a worker has it. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  begin(worker: PoolWorker): void {
    const { id, inPlace, composed, name, value } = this.#parts;
    const { now } = this.#events;
    this.#worker = worker;
    this.#begun = now();
    this.#events.onBegin(this, this.#begun - this.#since);
    const run: Run = { id, name, task: value };
    worker.run(id, composed?.message ?? run, inPlace).then(
      (answer) => this.#end(worker, () => this.#complete(answer)),
      (error) => this.#end(worker, () => this.#fail(error)),
    );
  }

  reject(error: unknown): void {
    if (this.#settle('failed')) this.#reject(error);
  }

  #end(worker: PoolWorker, settle: () => void): void {
    this.#parts.composed?.message.release();
    // The worker first: what the caller runs next is to find it free.
    this.#worker = undefined;
    this.#events.onFree(worker);
    settle();
  }

  #complete(answer: unknown): void {
    this.#events.onAnswered();
    if (this.#settle('completed')) this.#resolve(answer);
    else if (this.#parts.inPlace) (answer as Message).release();
  }

  #fail(error: unknown): void {
    if (error instanceof WorkerAnswered) {
      this.#events.onAnswered();
      this.reject(error.error);
    } else if (!(error instanceof WorkerDied)) this.reject(error);
    else if (this.#isSettled || this.#retries === 0) this.reject(error.error);
    else {
      this.#retries--;
      this.#events.onRetry(this);
    }
  }

  #abort(): void {
    const worker = this.#worker;
    const { signal, id } = this.#parts;
    if (!this.#settle('aborted')) return;
    this.#reject(abortedError(signal?.reason));
    worker?.abort(id);
  }

  #settle(outcome: 'completed' | 'failed' | 'aborted'): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#forgetSignal();
    const ran = this.#begun === 0 ? 0 : this.#events.now() - this.#begun;
    this.#events.onSettled(this, outcome, ran);
    return true;
  }
}
