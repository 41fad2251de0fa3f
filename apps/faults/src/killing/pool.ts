import { createPool, type Pool, type WorkerInfo } from '@pageferry/workers';
import type { Backend } from '../backends.js';
import { isWhole, write } from '../message.js';
import { LIMIT } from '../until.js';
import { lengthOf, type Plan } from './plan.js';
import type { Task } from './task.js';

const MEBIBYTE = 1024 * 1024;

/** How many workers a pool has. */
export const WORKERS = 2;

/**
 * Starts a pool over this backend. It is the caller's.
 *
 * @param marker an argument of its workers, by which others find their processes.
 */
export function openPool(
  { transport, options, sharesMemory }: Backend,
  marker: string,
  size = WORKERS,
): Pool {
  return createPool(new URL('task.js', import.meta.url), {
    transport,
    transportModule: import.meta.resolve(`@pageferry/${transport.name}`),
    size,
    args: [marker],
    // In shared memory what is larger than that has memory of its own; the others take nothing larger. And there a pool
    // grows with its first tasks.
    channel: sharesMemory
      ? { ...options, poolBytes: 0.5 * MEBIBYTE, preallocateBytes: 0 }
      : { ...options, poolBytes: 16 * MEBIBYTE },
    backOff: { first: 1, longest: 10 },
    readyTimeout: LIMIT.timeout,
  });
}

/**
 * Has a pool run task `number` of the plan.
 *
 * @returns whether the answer is whole, and the right one.
 */
export async function runTask(
  pool: Pool,
  plan: Plan,
  number: number,
  retries = 0,
): Promise<boolean> {
  const task = new Uint8Array(lengthOf(plan, number));
  write(task, number);
  const answer = await pool.run<Uint8Array>({ task, number } satisfies Task, { retries });
  return answer.length === task.length && isWhole(answer, number + 1);
}

/** Has a pool run a task that holds its worker until that is killed. */
export function runForEver(pool: Pool): Promise<unknown> {
  const task = new Uint8Array(5000);
  write(task, 0);
  return pool.run({ task, number: 0, holds: true } satisfies Task);
}

/** A pool, and which of its workers are alive. */
export class Workers {
  readonly pool: Pool;
  readonly #alive = new Set<number>();
  readonly #gone = new Map<number, number>();
  /** Why the last one was lost that the pool has not ended. */
  lastLoss: unknown;

  constructor(pool: Pool) {
    this.pool = pool;
    pool.on('workerCreate', ({ id }) => id !== undefined && this.#alive.add(id));
    pool.on('workerDestroy', ({ id }: WorkerInfo, reason?: unknown) => {
      this.lastLoss = reason ?? this.lastLoss;
      if (id === undefined) return;
      this.#alive.delete(id);
      this.#gone.set(id, performance.now());
    });
  }

  /** The processes that have loaded the tasks. */
  get alive(): readonly number[] {
    return [...this.#alive];
  }

  /** The process that runs a task. */
  get busy(): number | undefined {
    return this.pool.stats().workers.find(({ running }) => running > 0)?.id;
  }

  /** When the pool has learned of the end of a process, by `performance.now()`. */
  goneAt(pid: number): number | undefined {
    return this.#gone.get(pid);
  }

  /** Forgets who has ended before: the numbers of processes are used again. */
  forgetTheGone(): void {
    this.#gone.clear();
  }

  async close(): Promise<void> {
    await this.pool.close(LIMIT);
  }
}
