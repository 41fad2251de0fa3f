import {
  MEMBARRIER_CMD_GLOBAL_EXPEDITED,
  MEMBARRIER_CMD_QUERY,
  MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
} from '../calls/constants.js';
import { checkResult } from '../calls/errors.js';
import type { WaitingCalls } from '../calls/waiting-calls.js';

/*
 * A memory barrier that one side issues for both (membarrier(2)).
 *
 * Two sides that each store a word and then load the other's must have a full barrier in between, or both
 * loads may come before both stores. Where one of them does so for each message, and the other only before it
 * sleeps, the rare one can pay for both: it stores, calls `globalExpeditedBarrier`, and loads. The frequent one
 * stores and loads, with nothing in between but what keeps its compiler from swapping the two.
 *
 * Man page: when the call returns, every running thread of a process that has registered has passed through
 * a state in which its memory accesses match program order; one that does not run is in such a state. So each
 * thread of the frequent side has either made its store visible, or not begun its load.
 */

/**
 * Registers this process for the barriers that others issue, and says whether that worked: `true` means that
 * this process need not have a barrier of its own between its store and its load, as far as concerns those
 * who call {@link globalExpeditedBarrier} between theirs; and that it may call it, too.
 *
 * Once is enough for all threads of a process, and a second time costs two system calls that return at once.
 * The first time the kernel waits until every processor has gone through its scheduler, as Node has several
 * threads (`synchronize_rcu` in kernel/sched/membarrier.c). That takes milliseconds, and holds the event loop: do
 * it when something is opened, not while messages flow. A child that the process forks is registered as well,
 * a program that it executes is not.
 *
 * `false`, and nothing else is changed:
 *
 * - on any processor but x86-64. The barrier would be as good elsewhere, but there is nothing to be saved:
 *   there a plain store does not publish what was written before it, as it does on x86-64, and the
 *   instructions that do publish are ordered without a full barrier (arm64: `stlr`, `ldar`);
 * - before Linux 4.16, or if the kernel was built without membarrier(2) (`ENOSYS`, or no such command);
 * - where a seccomp filter refuses the call (`EPERM`, `ENOSYS`), or the kernel is out of memory (`ENOMEM`).
 *
 * @param architecture `process.arch`, unless a test says otherwise.
 */
export function registerGlobalExpedited(
  calls: Pick<WaitingCalls, 'membarrier'>,
  architecture: string = process.arch,
): boolean {
  if (architecture !== 'x64') return false;
  const commands = calls.membarrier(MEMBARRIER_CMD_QUERY, 0);
  // As a set of bits, a negative result has nearly all of them.
  if (commands < 0) return false;
  // A kernel has both or neither; an emulation may have one.
  const wanted = MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
  if ((commands & wanted) !== wanted) return false;
  return calls.membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0) === 0;
}

/**
 * A full barrier for this thread and for every running thread of each process that has registered, whoever it
 * belongs to. Interrupts the processors that run one; never sleeps.
 *
 * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`): there was no barrier. Whoever was about to sleep must not.
 */
export function globalExpeditedBarrier(calls: Pick<WaitingCalls, 'membarrier'>): void {
  checkResult(calls.membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0), 'membarrier');
}
