import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withEither } from '@pageferry/core';
import { ChildEnded, nextMessage } from '@pageferry/measuring/children';
import { endGroup, watchGroup } from '@pageferry/measuring/group';
import type { SenderReport } from '../peers/sender.js';
import type { Task } from './task.js';

const PROGRAM = fileURLToPath(new URL('../peers/sender.js', import.meta.url));

/** After this many milliseconds a trial has failed. */
const PATIENCE = 60_000;

/**
 * Runs one trial in fresh processes, which are gone when this resolves, and so are their sockets.
 *
 * @param folder where the trial may make a folder of its own.
 * @throws the reason of `signal` when it fires.
 */
export async function runTrial(
  task: Omit<Task, 'folder'>,
  folder: string,
  signal: AbortSignal,
): Promise<SenderReport> {
  signal.throwIfAborted();
  const own = await mkdtemp(join(folder, 't'));
  // A group of its own: the sender starts receivers, these start others, and all can be ended at once.
  const child = fork(PROGRAM, [JSON.stringify({ ...task, folder: own })], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  watchGroup(child);
  try {
    return await reportOf(child, signal);
  } finally {
    await endGroup(child);
    await rm(own, { recursive: true, force: true });
  }
}

async function reportOf(child: ChildProcess, signal: AbortSignal): Promise<SenderReport> {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2000);
  });
  const limit = AbortSignal.timeout(PATIENCE);
  try {
    return (await withEither(signal, limit, (either) =>
      nextMessage(child, 'the sender', either),
    )) as SenderReport;
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return { kind: 'failed', reason: `no end after ${PATIENCE / 1000} s` };
    const { message } = error as Error;
    const last = words.trim().split('\n').at(-1);
    return {
      kind: 'failed',
      reason: error instanceof ChildEnded ? `${message}: ${last}` : message,
    };
  }
}
