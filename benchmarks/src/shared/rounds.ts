import { measureRounds } from '@pageferry/measuring/rounds';
import type { Measurement } from './measurements.js';

/** What the rounds showed of one measurement. */
export interface Row {
  readonly measurement: Measurement;
  /** Nanoseconds for a message or a round trip, one for each round. */
  readonly nanoseconds: readonly number[];
  /** Of these, processor time of the sender, if it was measured. */
  readonly senderNanoseconds: readonly number[];
}

/** Measures everything once a round, in turn. */
export async function measureRows(
  measurements: readonly Measurement[],
  rounds: number,
  log: (line: string) => void,
): Promise<readonly Row[]> {
  const trials = await measureRounds(measurements, rounds, (measurement, round) => {
    const { question, task, subject, run } = measurement;
    log(`${round}: ${question}, ${task}, ${subject}`);
    return run();
  });
  return Array.from(trials, ([measurement, all]) => ({
    measurement,
    nanoseconds: all.map(({ nanoseconds }) => nanoseconds / measurement.count),
    senderNanoseconds: all.flatMap(({ senderNanoseconds }) =>
      senderNanoseconds === undefined ? [] : senderNanoseconds / measurement.count,
    ),
  }));
}
