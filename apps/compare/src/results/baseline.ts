import type { Spread } from '@pageferry/measuring/statistics';
import { keyOf, type Result, type Results } from './results.js';

/** How one row compares with an earlier run. */
export interface Change {
  readonly result: Result;
  /** How fast now, compared with then: above 1 is faster. */
  readonly ratio: number;
  /**
   * - `faster`, `slower`: even the best run of the one is worse than the worst run of the other.
   * - `same`: the ranges of the runs overlap, so that the noise alone explains the difference.
   * - `unclear`: one run on either side says nothing about the noise.
   */
  readonly verdict: 'faster' | 'slower' | 'same' | 'unclear';
}

/** What has changed since an earlier run. */
export interface Comparison {
  readonly changes: readonly Change[];
  /** What differs between the machines, in words: figures do not travel. */
  readonly differences: readonly string[];
}

/** Compares two runs, row by row. Rows that only one of them has are left out. */
export function compareWithBaseline(now: Results, then: Results): Comparison {
  const earlier = new Map(then.results.map((result) => [keyOf(result), result]));
  const changes = now.results.flatMap((result): Change[] => {
    const before = earlier.get(keyOf(result));
    if (result.nsPerMessage === undefined || before?.nsPerMessage === undefined) return [];
    const ratio = before.nsPerMessage.median / result.nsPerMessage.median;
    return [{ result, ratio, verdict: verdictOf(result, before) }];
  });
  return { changes, differences: differencesOf(now, then) };
}

function verdictOf(now: Result, then: Result): Change['verdict'] {
  if (now.runs < 2 || then.runs < 2) return 'unclear';
  const a = now.nsPerMessage as Spread;
  const b = then.nsPerMessage as Spread;
  if (a.max < b.min) return 'faster';
  if (a.min > b.max) return 'slower';
  return 'same';
}

function differencesOf({ machine: now }: Results, { machine: then }: Results): string[] {
  const keys = ['processor', 'cores', 'kernel', 'node'] as const;
  return keys
    .filter((key) => now[key] !== then[key])
    .map((key) => `${key}: ${then[key]} then, ${now[key]} now`);
}
