import { max, median, min } from 'simple-statistics';

/** Minimum, median and maximum of one figure over the rounds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The spread of the values of all rounds. */
export function spread(values: number[]): Spread {
  return { min: min(values), median: median(values), max: max(values) };
}
