import { clock } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';

/** A yield that takes longer, in milliseconds, gave the processor away: by itself it takes 0.3 us. */
const CONTENDED = 0.02;

/**
 * Lets whoever wants this processor run first (sched_yield(2)), between two looks at a condition.
 *
 * The side that will make the condition true may have been put on this very processor; without the
 * yield it would not run before the scheduler's slice is over.
 *
 * @returns true if somebody else ran. If the condition still does not hold, then polling takes the
 *   processor from others and gets it back late: park instead.
 */
export function yieldProcessor(calls: LinuxCalls): boolean {
  const before = clock.now();
  calls.schedYield();
  return clock.now() - before > CONTENDED;
}
