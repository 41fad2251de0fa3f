import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { clock } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { startProgram } from '../children/start-program.js';
import { readText } from './proc.js';
import {
  type CallAnswer,
  makeCall,
  SYSTEM_CALLS,
  type SystemCall,
  toAnswer,
} from './system-calls.js';

const PROGRAM = `${import.meta.dirname}/ask-system-calls-program.js`;

/** How long the other process may take for its start and its answers, in milliseconds. */
const PATIENCE = 5000;

/** How often to look whether its main thread was killed and the others live on, in milliseconds. */
const INTERVAL = 50;

/**
 * Finds out how the kernel answers each call. A seccomp filter may kill whoever makes one, so another
 * process makes them, and a further one those that are left when that one has ended.
 *
 * @param calls makes the calls within this process where no other can be started; the other process
 *   loads the binding of that name.
 */
export async function askSystemCalls(calls: LinuxCalls): Promise<readonly CallAnswer[]> {
  const answers: CallAnswer[] = [];
  while (answers.length < SYSTEM_CALLS.length) {
    const asked = SYSTEM_CALLS.slice(answers.length);
    const told = await askInChild(calls.binding, asked);
    // It did not get as far as the first call: what is in its way is nothing that kills.
    if (told === undefined) return [...answers, ...askHere(calls, asked)];
    answers.push(...told);
  }
  return answers;
}

function askHere(calls: LinuxCalls, asked: readonly SystemCall[]): CallAnswer[] {
  return asked.map((call) => toAnswer(call, makeCall(calls, call)));
}

/** Answers to the first of the calls, up to the one that ended the process; `undefined` if it was not ready. */
async function askInChild(
  binding: string,
  asked: readonly SystemCall[],
): Promise<readonly CallAnswer[] | undefined> {
  let child: ChildProcess;
  try {
    child = await startProgram(PROGRAM, [binding, ...asked], ['ignore', 'pipe', 'ignore']);
  } catch {
    return undefined;
  }
  const output = text(child.stdout as NonNullable<typeof child.stdout>);
  const signal = await endOf(child);
  const [ready, ...results] = (await output).split('\n').slice(0, -1);
  if (ready === undefined) return undefined;
  const answers = results.map((result, index) =>
    toAnswer(asked[index] as SystemCall, Number(result)),
  );
  const [last, ...others] = asked.slice(answers.length);
  if (last === undefined) return answers;
  if (signal !== undefined) return [...answers, { call: last, status: 'kills', signal }];
  // It hung, or threw. The rest is not asked for: one such wait is enough.
  const silent = [last, ...others].map((call): CallAnswer => ({ call, status: 'fails' }));
  return [...answers, ...silent];
}

/** The signal by which it has ended; it is ended here if it hangs, which is `undefined`. */
async function endOf(child: ChildProcess): Promise<string | undefined> {
  let hangs = false;
  let threadKilled = false;
  const kill = (): void => void child.kill('SIGKILL');
  const timer = clock.setTimeout(() => {
    hangs = true;
    kill();
  }, PATIENCE);
  const looking = clock.setInterval(() => {
    if (!isMainThreadGone(child)) return;
    threadKilled = true;
    kill();
  }, INTERVAL);
  try {
    const [code, signal] = await once(child, 'exit');
    if (hangs || code !== null) return undefined;
    // A process that has just ended is a zombie too: then the signal is its own, and not this one.
    return threadKilled && signal === 'SIGKILL' ? 'SIGSYS' : signal;
  } finally {
    clock.clearTimeout(timer);
    clock.clearInterval(looking);
  }
}

/** SECCOMP_RET_KILL_THREAD ends one thread. The process is a zombie then that does not end. */
function isMainThreadGone({ pid }: ChildProcess): boolean {
  return /\) Z /.test(readText(`/proc/${pid}/stat`) ?? '');
}
