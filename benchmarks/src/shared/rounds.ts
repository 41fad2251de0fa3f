import { type Spread, spread } from '../spread.js';
import type { Measurement } from './measurements.js';

/** What the rounds showed of one measurement. */
export interface Row {
  readonly measurement: Measurement;
  /** Nanoseconds for a message or a round trip, one for each round. */
  readonly nanoseconds: readonly number[];
  /** Of these, processor time of the sender, if it was measured. */
  readonly senderNanoseconds: readonly number[];
}

/** Measures everything once a round, in turn, so that a slow spell of the machine hits all of it. */
export async function measureRounds(
  measurements: readonly Measurement[],
  rounds: number,
  log: (line: string) => void,
): Promise<readonly Row[]> {
  const rows = measurements.map((measurement) => ({
    measurement,
    nanoseconds: [] as number[],
    senderNanoseconds: [] as number[],
  }));
  for (let round = 1; round <= rounds; round++) {
    for (const { measurement, nanoseconds, senderNanoseconds } of rows) {
      const { question, task, subject, count, run } = measurement;
      log(`round ${round} of ${rounds}: ${question}, ${task}, ${subject}`);
      const trial = await run();
      nanoseconds.push(trial.nanoseconds / count);
      if (trial.senderNanoseconds !== undefined) {
        senderNanoseconds.push(trial.senderNanoseconds / count);
      }
    }
  }
  return rows;
}

/** `combine` of the figures of each round, over the rounds. */
export function spreadOf(
  lists: readonly (readonly number[])[],
  combine: (...values: number[]) => number,
): Spread {
  const values = (lists[0] ?? []).map((_, round) =>
    combine(...lists.map((list) => list[round] as number)),
  );
  return spread(values);
}
