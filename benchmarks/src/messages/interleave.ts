import { measureRounds } from '@pageferry/measuring/rounds';
import { ratios } from '@pageferry/measuring/statistics';
import type { Trial } from '../shared/workload.js';
import type { Measured, Volume } from './groups.js';

/** Something that is compared with a yardstick which does the same work. */
export interface Comparison {
  readonly question: string;
  readonly subject: string;
  /** One of them serves several subjects. */
  readonly yardstick: () => Promise<Trial>;
  readonly run: () => Promise<Trial>;
}

/** Has the subjects and their yardsticks take turns: each once in every round. */
export async function interleave(
  comparisons: readonly Comparison[],
  rounds: number,
  { asked, log }: Volume,
): Promise<readonly Measured[]> {
  const wanted = comparisons.filter(({ question }) => asked.includes(question));
  const runs = [...new Set(wanted.flatMap(({ yardstick, run }) => [yardstick, run]))];
  const trials = await measureRounds(
    runs,
    rounds,
    async (run) => (await run()).nanoseconds,
    (round) => log(`${round}: ${[...new Set(wanted.map(({ question }) => question))].join(', ')}`),
  );
  const timesOf = (run: Comparison['run']) => trials.get(run) ?? [];
  return wanted.map(({ question, subject, yardstick, run }) => ({
    question,
    subject,
    ratios: ratios(timesOf(yardstick), timesOf(run)),
  }));
}
