import { objectGroup } from './objects.js';
import { poolGroup } from './pool.js';
import { streamGroup } from './streams.js';

/** How often one subject was as fast as its yardstick, round by round. */
export interface Measured {
  readonly question: string;
  readonly subject: string;
  /** The time of the yardstick over that of the subject: above 1 is faster. One for each round. */
  readonly ratios: readonly number[];
}

/** Questions that are measured together. */
export interface Group {
  /** Each with how many times as fast as its yardstick a subject should be, where that was asked for. */
  readonly aims: ReadonlyMap<string, number | undefined>;
  /**
   * Measures them.
   *
   * @param rounds in each of them, every subject and every yardstick has its turn.
   * @param volume how much there is to do in a trial.
   */
  readonly measure: (rounds: number, volume: Volume) => Promise<readonly Measured[]>;
}

/** How much is to be done. */
export interface Volume {
  /** Questions of those that are asked for: others may be left out. */
  readonly asked: readonly string[];
  /** How often 40 MB go there and back in a trial; the other trials are derived from it. */
  readonly trips: number;
  readonly log: (line: string) => void;
}

/** All that `pnpm bench messages` measures, in the order of the report. */
export const groups: readonly Group[] = [objectGroup, streamGroup, poolGroup];
