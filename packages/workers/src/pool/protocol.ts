/** What a pool asks of a worker, and what it is told: requests and messages over the port. */

/** Asks for {@link Loading}. */
export const LOAD = 'load';
/** Asks for a {@link Run}; the answer is what the function returns. */
export const RUN = 'run';

/** Has the worker import its module, before anything else. */
export interface Loading {
  /** A `file:` URL. */
  readonly module: string;
  /** The memory in bytes above which the worker is to say {@link ToPool.memory}; 0 for no limit. */
  readonly memoryLimit: number;
}

/** A task. */
export interface Run {
  readonly id: number;
  /** The export that is to run it. */
  readonly name: string;
  readonly task: unknown;
}

/** A message to a worker. */
export interface ToWorker {
  /** The task of this number is not wanted any more. */
  readonly abort: number;
}

/** A message to the pool. */
export interface ToPool {
  /** More than the limit: what the worker uses, in bytes. */
  readonly memory: number;
}
