import type { WorkerInfo } from './pool-worker.js';

/** Milliseconds, over all tasks so far. */
export interface Durations {
  /** 0 as long as there was none. */
  readonly mean: number;
  /** 0 as long as there was none. */
  readonly longest: number;
}

/** Counters of a pool. A snapshot. */
export interface PoolStats {
  /** Those that there are now, in the order in which they were started. */
  readonly workers: readonly WorkerInfo[];
  /** Tasks that wait for a worker. */
  readonly queued: number;
  /** Tasks that a worker has, without those that were aborted. */
  readonly running: number;
  /** Tasks that were done. */
  readonly completed: number;
  /** Tasks that have thrown, or whose worker has died, or whose task or answer cannot be cloned. */
  readonly failed: number;
  /** Tasks whose signal has fired. */
  readonly aborted: number;
  /** How often a task was run again because its worker has died. */
  readonly retried: number;
  /** Workers that have died, or have not started. */
  readonly deaths: number;
  /** Workers that were replaced because of `maxTasksPerWorker` or `maxMemoryPerWorker`. */
  readonly recycled: number;
  /** How long tasks have waited for a worker. */
  readonly waitTime: Durations;
  /** How long tasks have run. */
  readonly runTime: Durations;
  /** How much of the time of all workers since the beginning was spent in tasks that are done: 0 to 1. */
  readonly utilization: number;
}

/** A mean that grows. */
export class Stopwatch {
  #count = 0;
  #total = 0;
  #longest = 0;

  add(milliseconds: number): void {
    this.#count++;
    this.#total += milliseconds;
    if (milliseconds > this.#longest) this.#longest = milliseconds;
  }

  get total(): number {
    return this.#total;
  }

  get durations(): Durations {
    return { mean: this.#count === 0 ? 0 : this.#total / this.#count, longest: this.#longest };
  }
}

/** What is counted of tasks and workers. */
export class Counters {
  completed = 0;
  failed = 0;
  aborted = 0;
  retried = 0;
  deaths = 0;
  recycled = 0;
  readonly waited: Stopwatch = new Stopwatch();
  readonly ran: Stopwatch = new Stopwatch();
}
