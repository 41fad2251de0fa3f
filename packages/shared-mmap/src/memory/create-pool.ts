import { LoopBudget, nextTurn } from '@pageferry/core';
import { PayloadPool, type PayloadPoolSettings } from './payload-pool.js';

/** What {@link createPool} needs. */
export interface NewPoolSettings extends PayloadPoolSettings {
  /** How many bytes to allocate at once. */
  readonly preallocateBytes: number;
  /** For how long to hold the event loop at a stretch. */
  readonly spinMicroseconds: number;
}

/**
 * Makes a pool, and allocates the first part of it.
 *
 * @returns the pool, which the caller owns.
 * @throws `SYSTEM_CALL_FAILED`, `NOT_SUPPORTED`.
 */
export async function createPool(settings: NewPoolSettings): Promise<PayloadPool> {
  const { calls, poolBytes, guard, writable, preallocateBytes, spinMicroseconds } = settings;
  const budget = new LoopBudget(spinMicroseconds);
  const pool = new PayloadPool({ calls, poolBytes, guard, writable });
  try {
    while (!pool.grow(preallocateBytes, () => budget.exhausted())) await nextTurn();
    return pool;
  } catch (error) {
    pool.close();
    throw error;
  }
}
