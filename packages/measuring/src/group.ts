import type { ChildProcess } from 'node:child_process';

const open = new WeakMap<ChildProcess, Promise<unknown>>();

/** Notes when all processes are gone that hold the child's output. Call it at the start. */
export function watchGroup(child: ChildProcess): void {
  open.set(child, new Promise((resolve) => child.once('close', resolve)));
}

/**
 * Ends a child that leads a process group, and whoever else is in it. Resolves when all of them are
 * gone: a pipe that they hold closes with the last one.
 */
export async function endGroup(child: ChildProcess): Promise<void> {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // Gone already.
  }
  await open.get(child);
}
