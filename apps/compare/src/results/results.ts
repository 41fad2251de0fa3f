import type { Machine as BareMachine } from '@pageferry/measuring/machine';
import type { Quantiles, Spread } from '@pageferry/measuring/statistics';
import type { ScenarioName } from '../plan/scenarios.js';
import type { Failure, SubjectKind } from '../subjects/subject.js';
import type { Knobs } from '../trials/task.js';

/** Where a run took place. */
export interface Machine extends BareMachine {
  readonly memoryBytes: number;
  readonly architecture: string;
  /** `cc --version`, its first line; absent without a compiler. */
  readonly compiler?: string;
  /** Versions of the packages that took part. */
  readonly packages: Readonly<Record<string, string>>;
}

/** What one subject showed in one case. Fields that do not apply are absent. */
export interface Result {
  readonly scenario: ScenarioName;
  readonly subject: string;
  readonly kind: SubjectKind;
  readonly payloadBytes: number;
  /** Every setting that the figures depend on. `receivers`, `waiting` and `underWay` are part of the case. */
  readonly knobs: Knobs;
  /** Trials that were measured. */
  readonly runs: number;
  /** Payload that was seen, by all receivers together. */
  readonly gibPerSecond?: Spread;
  /** Time between two messages of the sender, or between two answers to it: the mean. */
  readonly nsPerMessage?: Spread;
  /**
   * Medians over the runs, of round trips that were timed one by one, from the message to its answer: each has a look
   * at the clock in it.
   */
  readonly rttNs?: Quantiles;
  /** User and system time of both sides. */
  readonly cpuSecondsPerGib?: Spread;
  /** Of both sides, for each message. */
  readonly contextSwitchesPerMessage?: Spread;
  /** Of both sides, for each message. */
  readonly pageFaultsPerMessage?: Spread;
  /** Largest resident set of each process, added up. */
  readonly peakRssBytes?: Spread;
  /** Share of all processors' time, 0 to 1, that programs took which were no part of the trial. */
  readonly othersShare?: Spread;
  /** The same, for the host of a virtual machine. */
  readonly stolenShare?: Spread;
  /** How fast compared with the fastest program in C: 1 is as fast. Median over the runs. */
  readonly ratioToLimit?: number;
  /** How fast compared with the fastest way of plain Node. Median over the runs. */
  readonly ratioToBestNode?: number;
  /** Why there are no figures. */
  readonly failure?: Failure;
}

/** What `--json` prints, and `--baseline` reads. */
export interface Results {
  readonly schema: 1;
  readonly machine: Machine;
  /** True if the run was ended early: what was measured until then is here. */
  readonly interrupted?: true;
  readonly results: readonly Result[];
}

/** What makes two results comparable: the same subject in the same case. */
export function keyOf(result: Result): string {
  return `${caseKeyOf(result)} ${result.subject}`;
}

/** The case that a result belongs to, whatever the subject. */
export function caseKeyOf({ scenario, payloadBytes, knobs }: Omit<Result, 'subject'>): string {
  const { receivers, waiting = '', underWay = '' } = knobs;
  return [scenario, payloadBytes, receivers, waiting, underWay].join(' ');
}
