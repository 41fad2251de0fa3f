import type { WaitOptions } from '@pageferry/core';
import type { Message } from '@pageferry/messages';
import type { ComposedTask } from './composed-task.js';
import type { PoolOptions } from './options.js';
import type { WorkerInfo } from './pool-worker.js';
import type { PoolStats } from './statistics.js';
import { WorkerPool } from './worker-pool.js';

/** Options of {@link Pool.run}. */
export interface RunOptions {
  /**
   * Rejects the call with `ABORTED`. A task that waits is never run; of one that runs the context's `signal` fires, and if
   * it goes on for longer than `abortGrace`, its worker is ended and replaced.
   */
  readonly signal?: AbortSignal | undefined;
  /** Which export of the module is to run it. Default: `'default'`. Of a composed task that was said before. */
  readonly name?: string | undefined;
  /**
   * Buffers of the task that the pool is to take over: they are detached at once, as by `postMessage`. Otherwise they stay
   * the caller's, and are not to be changed until this has settled. Of a composed task there are none: `INVALID_ARGUMENT`.
   */
  readonly transfer?: readonly ArrayBuffer[] | undefined;
  /** Instead of the pool's `retries`. A composed task is never run again. */
  readonly retries?: number | undefined;
}

/** Options of {@link Pool.compose}. */
export interface ComposeOptions extends WaitOptions {
  /** Which export of the module is to run it. Default: `'default'`. */
  readonly name?: string | undefined;
}

/** What {@link Pool.on} tells of. */
export interface PoolEvents {
  /** No task waits for a worker any more: there is room again. */
  drain: () => void;
  /** A worker has loaded the module. */
  workerCreate: (worker: WorkerInfo) => void;
  /** A worker is gone; of one that has died, or has not started, why. */
  workerDestroy: (worker: WorkerInfo, reason?: unknown) => void;
}

/**
 * Workers that run tasks. Idle, it does not keep the process alive. Disposable with `await using`, which closes it.
 *
 * @example
 * await using pool = createPool(new URL('./resize.js', import.meta.url), { size: 4 });
 * const small = await pool.run({ width, height, pixels });
 */
export interface Pool extends AsyncDisposable {
  /** How many tasks wait for a worker. */
  readonly queueSize: number;
  /** True once `close` or `destroy` was called. */
  readonly closed: boolean;
  /**
   * Has a worker run a task: the one with the fewest, or the first to be free. Resolves to what the function returns, in
   * ordinary memory.
   *
   * @param task a value, or one that was composed. In the worker its buffers are views of shared memory, to be read until
   *   the function is done; to write to them ends the worker.
   * @throws what the function throws, with the worker's stack; `PEER_DIED` with `exitCode` or `signalCode` if the worker has
   *   died, and `retries` do not allow another; `QUEUE_FULL`; `NOT_CLONEABLE` for the task or its answer; `NO_HANDLER` if the
   *   module exports no such function; why no worker starts (`REQUEST_FAILED`, `PEER_DIED`, `TIMEOUT`); `ABORTED`;
   *   `LOAN_NOT_OWNED` for a composed task that was run or released; `INVALID_ARGUMENT`, also for one that another pool has
   *   composed; `CLOSED`. Of these, and of a signal that has fired before, a composed task is not spent.
   */
  run<T = unknown>(task?: unknown, options?: RunOptions): Promise<T>;
  /**
   * As {@link run}, and resolves to a message to be released: the buffers of its value lie where the worker has written them.
   * A worker to be replaced stays until it is.
   *
   * @throws as {@link run}.
   */
  request<T = unknown>(task?: unknown, options?: RunOptions): Promise<Message<T>>;
  /**
   * Lays a task out in the memory that is sent to the worker with the fewest tasks, where what `shared(type, length)` stands
   * for is to be filled. It takes one of the worker's slots, until it was run or released.
   *
   * @throws as {@link run}, `TIMEOUT`, and as `Port.compose`.
   */
  compose<T>(task: T, options?: ComposeOptions): Promise<ComposedTask<T>>;
  /**
   * Waits until all workers have loaded the module.
   *
   * @throws why one has not, while none has: `REQUEST_FAILED` with what the module has thrown as its `cause`, `PEER_DIED`,
   *   `TIMEOUT`; and `ABORTED`, `TIMEOUT`, `CLOSED`.
   */
  ready(options?: WaitOptions): Promise<void>;
  /** Waits until no task waits or runs. */
  drain(options?: WaitOptions): Promise<void>;
  /**
   * Takes no more tasks, waits for those that there are, and ends the workers in order. What is aborted or runs out of time
   * becomes {@link destroy}, and throws.
   *
   * @throws `ABORTED`, `TIMEOUT`; `INVALID_ARGUMENT`: the pool is open still then.
   */
  close(options?: WaitOptions): Promise<void>;
  /** Rejects all tasks, and all that is to be composed, with `CLOSED`, and ends the workers at once. */
  destroy(): Promise<void>;
  /** A snapshot of its counters. */
  stats(): PoolStats;
  /** Called in the middle of what causes it: what `listener` throws is an uncaught exception. */
  on<E extends keyof PoolEvents>(event: E, listener: PoolEvents[E]): this;
  /** Takes back what {@link on} said. */
  off<E extends keyof PoolEvents>(event: E, listener: PoolEvents[E]): this;
}

/**
 * A pool of processes, or of threads, that run the functions of a module. They are started at once.
 *
 * @param module exports functions `(task, context) => answer`: as its default, and others by name. A path counts from the
 *   working directory.
 * @throws `INVALID_ARGUMENT`.
 */
export function createPool(module: string | URL, options?: PoolOptions): Pool {
  return new WorkerPool(module, options);
}
