import type { Result } from './results.js';

/**
 * Why a row is to be doubted:
 *
 * - `busy`: other programs took a good part of the processors meanwhile.
 * - `steal`: the host of this virtual machine did.
 * - `range`: the runs differ much from each other.
 * - `limit`: faster than the program in C, which is meant to be the limit.
 */
export type Doubt = 'busy' | 'steal' | 'range' | 'limit';

/** Where the doubts begin. */
export const BOUNDS = {
  /** Share of all processors that others may take, in the median of the runs. */
  othersShare: 0.1,
  /** The same, for the host. */
  stolenShare: 0.05,
  /** How many times as long as the fastest run the slowest may take. */
  range: 1.5,
  /** How fast compared with C: so much is noise. */
  ratioToLimit: 1.1,
} as const;

/** What speaks against a row, from the worst on: nothing, if all is well. */
export function doubtsOf(result: Result): readonly Doubt[] {
  const { othersShare, stolenShare, ratioToLimit } = result;
  const all: readonly (readonly [Doubt, boolean])[] = [
    ['busy', (othersShare?.median ?? 0) > BOUNDS.othersShare],
    ['steal', (stolenShare?.median ?? 0) > BOUNDS.stolenShare],
    ['range', (rangeOf(result) ?? 1) > BOUNDS.range],
    ['limit', (ratioToLimit ?? 0) > BOUNDS.ratioToLimit],
  ];
  return all.filter(([, holds]) => holds).map(([doubt]) => doubt);
}

/** How many times as long as the fastest run the slowest took; `undefined` where there is one run. */
export function rangeOf({ runs, nsPerMessage }: Result): number | undefined {
  return runs > 1 && nsPerMessage ? nsPerMessage.max / nsPerMessage.min : undefined;
}
