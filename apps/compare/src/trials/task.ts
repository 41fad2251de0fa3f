import type { Disturbance } from '@pageferry/measuring/disturbance';
import type { Quantiles } from '@pageferry/measuring/statistics';
import type { Case } from '../plan/cases.js';

/** Settings of a subject or a trial, as they are echoed into the results. */
export type Knobs = Readonly<Record<string, string | number | boolean>>;

/** What the processes of a trial have to know about a subject: where its channel's code is. */
export interface ChannelReference {
  /** URL of a module with the exports of `ChannelModule`. */
  readonly module: string;
  /** What the module needs to know beyond the task, for example which backend. */
  readonly settings: Knobs;
}

/** What the two sides of a trial are told. */
export interface Task extends Case {
  readonly channel: ChannelReference;
  /** A folder of this trial's own, for endpoints and files. */
  readonly folder: string;
  /** True if the payload is checked, and nothing is measured. */
  readonly verify: boolean;
  /** For how long messages go before the clock starts, in milliseconds. */
  readonly warmUpMilliseconds: number;
  /** For how long messages go while the clock runs, roughly, in milliseconds. */
  readonly measureMilliseconds: number;
}

/** What the processes used up while the clock ran, both sides together. */
export interface Usage {
  /** User and system time. */
  readonly cpuMicroseconds: number;
  /** Voluntary and involuntary ones. */
  readonly contextSwitches: number;
  /** With and without input. */
  readonly pageFaults: number;
  /**
   * The largest resident set that each process ever had, added up. Memory that both map counts
   * twice.
   */
  readonly peakRssBytes: number;
}

/** What one trial showed. */
export interface TrialReport {
  readonly messages: number;
  /** From before the first message was written until the last one was seen. */
  readonly nanoseconds: number;
  /** Absent for programs that do not tell. */
  readonly usage?: Usage | undefined;
  /** Time of one round trip, in nanoseconds, of others than `messages`: each has a look at the clock in it. */
  readonly roundTrip?: Quantiles | undefined;
  /** What disturbed the whole of the trial; absent where nobody can tell. */
  readonly disturbance?: Disturbance | undefined;
  readonly knobs: Knobs;
}
