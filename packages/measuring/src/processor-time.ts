import { readFileSync } from 'node:fs';
import { membersOf, statusOf, TICK_MILLISECONDS } from './process-table.js';

/** Where the time of all processors went since the machine has started, in milliseconds. */
export interface ProcessorTimes {
  /** Spent in programs and in the kernel for them; not in interrupts, which may be anybody's. */
  readonly busy: number;
  /** Taken by the host of a virtual machine while something here wanted to run. */
  readonly stolen: number;
  /** All of it, idle or not. */
  readonly total: number;
}

/** Reads the first line of `/proc/stat`. `undefined` where it says nothing. */
export function parseProcessorTimes(text: string): ProcessorTimes | undefined {
  const [, words] = /^cpu +([\d ]+)$/m.exec(text) ?? [];
  const ticks = words?.trim().split(' ').map(Number) ?? [];
  // The last two, of guests, are part of the first two.
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, hard = 0, soft = 0, stolen = 0] =
    ticks;
  const total = user + nice + system + idle + wait + hard + soft + stolen;
  if (total === 0) return undefined;
  return {
    busy: (user + nice + system) * TICK_MILLISECONDS,
    stolen: stolen * TICK_MILLISECONDS,
    total: total * TICK_MILLISECONDS,
  };
}

/** What `/proc/stat` says now; `undefined` where there is none. */
export function processorTimes(): ProcessorTimes | undefined {
  try {
    return parseProcessorTimes(readFileSync('/proc/stat', 'latin1'));
  } catch {
    return undefined; // Not Linux.
  }
}

/** The processor time of this process, and of all children that it has waited for, in milliseconds. */
export function ownProcessorTime(): number {
  return statusOf('self')?.milliseconds ?? 0;
}

/**
 * The processor time of the members of a process group, in milliseconds, without that of its leader.
 *
 * @param leader the leader's process id, which is the group's.
 */
export function processorTimeOfMembers(leader: number): number {
  return membersOf(leader).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}
