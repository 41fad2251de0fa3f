import { largest, median, ratios, type Series } from '@pageferry/measuring/statistics';
import type { TrialReport } from '../trials/task.js';

/** Messages in a second: what the ratios compare. Half of a round trip time counts as no message. */
export function speedOf({ messages, nanoseconds, roundTrip }: TrialReport): number {
  return 1e9 / (roundTrip?.p50 ?? nanoseconds / messages);
}

/**
 * How fast compared with the fastest of others, in the median over the runs in which both took part.
 *
 * @param others the speeds of each other subject. The fastest in the median is compared with.
 */
export function ratioToBest(speeds: Series, others: readonly Series[]): number | undefined {
  const all = ratios(speeds, largest(others) ?? []);
  return all.length === 0 ? undefined : median(all);
}
