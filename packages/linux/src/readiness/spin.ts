import { clock, SPINS_BETWEEN_YIELDS } from '@pageferry/core';
import type { WaitingCalls } from '../calls/waiting-calls.js';

/** A yield that takes longer, in milliseconds, gave the processor away: by itself it takes 0.3 us. */
export const CONTENDED = 0.02;

/**
 * Lets whoever wants this processor run first (sched_yield(2)), between two looks at a condition.
 *
 * The side that will make the condition true may have been put on this very processor; without the
 * yield it would not run before the scheduler's slice is over.
 *
 * @returns true if somebody else ran. If the condition still does not hold, then polling takes the
 *   processor from others and gets it back late: park instead.
 */
export function yieldProcessor(calls: Pick<WaitingCalls, 'schedYield'>): boolean {
  return offerProcessor(calls) > CONTENDED;
}

/**
 * As {@link yieldProcessor}, and tells for how long it was away.
 *
 * @returns milliseconds.
 */
export function offerProcessor(calls: Pick<WaitingCalls, 'schedYield'>): number {
  const before = clock.now();
  calls.schedYield();
  return clock.now() - before;
}

/**
 * Polls a condition for a bounded time, or until somebody else wants the processor.
 *
 * @param milliseconds 0 looks once.
 * @returns whether it holds.
 */
export function spin(
  calls: Pick<WaitingCalls, 'schedYield'>,
  ready: () => boolean,
  milliseconds: number,
): boolean {
  if (ready()) return true;
  if (milliseconds <= 0) return false;
  const end = clock.now() + milliseconds;
  do {
    for (let look = 0; look < SPINS_BETWEEN_YIELDS; look++) if (ready()) return true;
    if (yieldProcessor(calls)) return ready();
  } while (clock.now() < end);
  return false;
}
