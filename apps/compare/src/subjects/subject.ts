import type { Case } from '../plan/cases.js';
import type { Knobs, TrialReport } from '../trials/task.js';

/**
 * What a subject stands for:
 *
 * - `pageferry`: a backend of this workspace.
 * - `node`: what plain Node offers between two processes.
 * - `other`: what some would take instead: threads, or a package that may be installed.
 * - `limit`: a program of our own in C that does the same work with nothing around it.
 * - `yardstick`: a figure to know, which is not the same work.
 */
export type SubjectKind = 'pageferry' | 'node' | 'other' | 'limit' | 'yardstick';

/** Why a subject has no figures. */
export interface Failure {
  /**
   * - `unavailable`: cannot work on this machine, or is not installed.
   * - `not built`: there is no C compiler.
   * - `failed`: broke off.
   * - `spoiled`: lost or changed bytes.
   */
  readonly kind: 'unavailable' | 'not built' | 'failed' | 'spoiled';
  readonly reason: string;
}

/** For how long a trial runs, in milliseconds. */
export interface Timing {
  readonly warmUpMilliseconds: number;
  readonly measureMilliseconds: number;
}

/** What a subject needs for its trials. */
export interface Surroundings {
  /** A folder for sockets and files, which is removed in the end. */
  readonly folder: string;
  /** Fires when the user wants to stop. */
  readonly signal: AbortSignal;
}

/** Something that moves messages, and is compared with others that do. */
export interface Subject {
  /** As users type it. */
  readonly name: string;
  readonly kind: SubjectKind;
  /** A few words for the report. */
  readonly description: string;
  /** False if this subject has no part in a case: there is nothing to measure. */
  takesPart(each: Case): boolean;
  /** What a case has to have there before anything runs. Resolves to what stands in the way. */
  prepare(each: Case): Promise<Failure | undefined>;
  /** Checks the payload in a pass of its own. */
  verify(each: Case, surroundings: Surroundings): Promise<Failure | undefined>;
  /** One trial. */
  measure(each: Case, timing: Timing, surroundings: Surroundings): Promise<TrialReport | Failure>;
  /** Settings that hold for every trial. */
  readonly settings: Knobs;
}

/** Tells a failure from figures. */
export function isFailure(outcome: TrialReport | Failure): outcome is Failure {
  return 'reason' in outcome;
}
