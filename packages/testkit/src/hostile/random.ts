/** Where the choices of a hostile peer come from: a seeded generator, so that a run can be played again. */
export interface Choices {
  /** An integer from 0 to `end`, not including it. */
  below(end: number): number;
  /** One of `values`, of which there is at least one. */
  oneOf<T>(values: readonly T[]): T;
}

const NEAR = 40;
const EXTREMES: readonly number[] = [2 ** 31 - 1, -(2 ** 31), -1, -2, 2 ** 30, 2 ** 16, 0];

/** A word: often one that may be believed, sometimes one at an edge, sometimes any. */
export function anyWord(choices: Choices, around = 0): number {
  const kind = choices.below(4);
  if (kind === 0) return choices.oneOf(EXTREMES);
  if (kind === 1) return choices.below(2 ** 32) | 0;
  return (kind === 2 ? around : 0) + choices.below(NEAR) - 2;
}
