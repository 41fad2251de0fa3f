import { processorTimeOfEndedGroups } from './group.js';
import { ownProcessorTime, type ProcessorTimes, processorTimes } from './processor-time.js';

/** What others did to the machine during a trial, as shares of the time of all processors: 0 to 1. */
export interface Disturbance {
  /** Taken by programs that are not part of the trial. */
  readonly othersShare: number;
  /** Taken by the host of a virtual machine. */
  readonly stolenShare: number;
}

/** The times of all processors, and what of it was ours, in milliseconds. */
export interface Look extends ProcessorTimes {
  readonly own: number;
}

/**
 * Begins to watch the machine. The answer tells what has disturbed it since; `undefined` where the system does not
 * say. Everything that this process has started meanwhile must have ended by then, else it counts as others'.
 */
export function watchMachine(): () => Disturbance | undefined {
  const before = look();
  return () => disturbanceBetween(before, look());
}

/** What lies between two looks; `undefined` if there is too little in between to tell. */
export function disturbanceBetween(
  before: Look | undefined,
  after: Look | undefined,
): Disturbance | undefined {
  if (before === undefined || after === undefined || after.total <= before.total) return undefined;
  const total = after.total - before.total;
  const others = after.busy - before.busy - (after.own - before.own);
  // The kernel counts the two in different ways, and rounds.
  const share = (milliseconds: number) => Math.min(1, Math.max(0, milliseconds / total));
  return { othersShare: share(others), stolenShare: share(after.stolen - before.stolen) };
}

function look(): Look | undefined {
  const times = processorTimes();
  return times && { ...times, own: ownProcessorTime() + processorTimeOfEndedGroups() };
}
