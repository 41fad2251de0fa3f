import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { membersOf } from './process-table.js';
import { processorTimeOfMembers } from './processor-time.js';

const open = new WeakMap<ChildProcess, Promise<unknown>>();
let endedMilliseconds = 0;

/** Notes when all processes are gone that hold the child's output. Call it at the start. */
export function watchGroup(child: ChildProcess): void {
  open.set(child, new Promise((resolve) => child.once('close', resolve)));
}

/**
 * Ends a child that leads a process group, and whoever else is in it. Resolves when all of them have ended, and the
 * pipes that they held are closed.
 */
export async function endGroup(child: ChildProcess): Promise<void> {
  const { pid } = child;
  try {
    if (pid !== undefined) {
      endedMilliseconds += processorTimeOfMembers(pid);
      process.kill(-pid, 'SIGKILL');
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // Gone already.
  }
  await open.get(child);
  // One that is killed closes its files while it still ends, and need not have held a pipe at all.
  while (pid !== undefined && membersOf(pid).some(({ hasEnded }) => !hasEnded)) await pause(1);
}

/**
 * Processor time, in milliseconds, of all whom {@link endGroup} has ended but the leaders. Those count as children
 * of this process; the others are nobody's, because their parents ended before they could wait for them.
 */
export function processorTimeOfEndedGroups(): number {
  return endedMilliseconds;
}
