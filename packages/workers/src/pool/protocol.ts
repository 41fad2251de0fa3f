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

/**
 * A number of a message, {@link ToWorker} or {@link ToPool}. A task has the same port as the pool's program, and may send
 * whatever can be cloned: of that it is `undefined`.
 */
export function numberIn(message: unknown, key: keyof (ToWorker & ToPool)): number | undefined {
  const number = (message as Partial<ToWorker & ToPool> | null | undefined)?.[key];
  return typeof number === 'number' ? number : undefined;
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
