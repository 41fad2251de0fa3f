import type { PoolWorker } from './pool-worker.js';

/** What waits for a worker with a free slot: a task, or one that is to be composed. */
export interface Job {
  /** Goes to a worker, one of whose slots is this job's from now on. */
  begin(worker: PoolWorker): void;
  /** It will never go to any. */
  reject(error: unknown): void;
}
