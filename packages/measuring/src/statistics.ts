import { max, median, min, quantileSorted } from 'simple-statistics';

export { median };

/** Minimum, median and maximum of one figure over the rounds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The spread of the figures of all rounds: at least one. */
export function spread(figures: readonly number[]): Spread {
  const all = [...figures];
  return { min: min(all), median: median(all), max: max(all) };
}

/** One figure for each round, by the round's index; a hole where there is none. */
export type Series = readonly (number | undefined)[];

/** `combine` of the figures of each round that all of the series have. */
export function combineRounds(
  series: readonly Series[],
  combine: (...figures: number[]) => number,
): number[] {
  const rounds = Math.min(...series.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) =>
    series.map((each) => each[round]).filter((figure) => figure !== undefined),
  )
    .filter(({ length }) => length === series.length)
    .map((figures) => combine(...figures));
}

/** Round by round the one over the other: what is slow for both in a round cancels out. */
export function ratios(above: Series, below: Series): number[] {
  return combineRounds([above, below], (one = Number.NaN, other = Number.NaN) => one / other);
}

/** The series with the largest median, or `undefined` if none has a figure. */
export function largest(all: readonly Series[]): Series | undefined {
  const medians = new Map(
    all.flatMap((series) => {
      const figures = series.filter((figure) => figure !== undefined);
      return figures.length === 0 ? [] : [[series, median(figures)]];
    }),
  );
  return [...medians].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** One time at each quantile, in the unit of the times. */
export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** The quantiles of at least one time, as whole numbers. Sorts `times`. */
export function quantilesOf(times: Float64Array): Quantiles {
  const sorted = times.sort() as unknown as number[];
  const at = (share: number) => Math.round(quantileSorted(sorted, share));
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}
