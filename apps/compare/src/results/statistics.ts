import { max, median, min } from 'simple-statistics';
import type { TrialReport } from '../trials/task.js';
import type { Spread } from './results.js';

const GIBIBYTE = 2 ** 30;

/** Minimum, median and maximum. At least one value. */
export function spread(values: readonly number[]): Spread {
  const all = [...values];
  return { min: min(all), median: median(all), max: max(all) };
}

/** Payload that a trial brought to receivers, in GiB. */
export function gibibytesOf({ messages }: TrialReport, payloadBytes: number, receivers: number) {
  return (messages * payloadBytes * receivers) / GIBIBYTE;
}

/** Messages in a second: what the ratios compare. Half of a round trip time counts as no message. */
export function speedOf({ messages, nanoseconds, roundTrip }: TrialReport): number {
  return 1e9 / (roundTrip?.p50 ?? nanoseconds / messages);
}

/**
 * How fast compared with the fastest of others, in the median over the runs in which both took part.
 *
 * @param speeds of the subject, by run.
 * @param others speeds of each other subject, by run. The fastest in the median is compared with.
 */
export function ratioToBest(
  speeds: ReadonlyMap<number, number>,
  others: readonly ReadonlyMap<number, number>[],
): number | undefined {
  const best = others
    .filter((each) => each.size > 0)
    .sort((a, b) => median([...b.values()]) - median([...a.values()]))[0];
  if (best === undefined) return undefined;
  const ratios = [...speeds].flatMap(([run, speed]) => {
    const other = best.get(run);
    return other === undefined ? [] : [speed / other];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}
