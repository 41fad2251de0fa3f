import {
  EBADF,
  EINVAL,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  errnoName,
  type LinuxCalls,
} from '@pageferry/linux';
import { statusField } from './proc.js';

/** The calls without which something does not work. */
export type SystemCall = 'vmsplice' | 'splice' | 'tee' | 'memfd_create';

/** All of them. */
export const SYSTEM_CALLS: readonly SystemCall[] = ['vmsplice', 'splice', 'tee', 'memfd_create'];

/**
 * - `answers`: the kernel makes the call. What it does is for the probes to say.
 * - `refused`: `EPERM`: a seccomp filter, most likely.
 * - `missing`: `ENOSYS`: the kernel lacks it, or a seccomp filter says so.
 * - `unsupported`: `EOPNOTSUPP`: the kernel knows it and does not do it, or a seccomp filter says so.
 * - `kills`: whoever makes it is killed (`SECCOMP_RET_KILL_PROCESS`, `SECCOMP_RET_KILL_THREAD`).
 * - `fails`: another error, or no answer.
 */
export type CallStatus = 'answers' | 'refused' | 'missing' | 'unsupported' | 'kills' | 'fails';

/** How one call is answered here. */
export interface CallAnswer {
  readonly call: SystemCall;
  readonly status: CallStatus;
  readonly errnoName?: string;
  /** The signal that ended the process which made it. */
  readonly signal?: string;
}

/**
 * Makes a call with arguments that cannot succeed: a kernel that makes the call finds the mistake, and
 * one that does not never looks at them.
 *
 * @returns its result: a negative errno.
 */
export function makeCall(calls: LinuxCalls, call: SystemCall): number {
  switch (call) {
    case 'vmsplice':
      return calls.vmsplice(-1, new Uint8Array(1), 0, 1, 0);
    case 'splice':
      return calls.splice(-1, -1, 1, 0);
    case 'tee':
      return calls.tee(-1, -1, 1, 0);
    case 'memfd_create':
      return calls.memfdCreate('pageferry-doctor', 0x4000_0000);
  }
}

/** What the result of {@link makeCall} means. */
export function toAnswer(call: SystemCall, result: number): CallAnswer {
  if (result === -(call === 'memfd_create' ? EINVAL : EBADF)) return { call, status: 'answers' };
  return { call, status: STATUS[-result] ?? 'fails', errnoName: errnoName(-result) };
}

const STATUS: Readonly<Record<number, CallStatus>> = {
  [EPERM]: 'refused',
  [ENOSYS]: 'missing',
  [EOPNOTSUPP]: 'unsupported',
};

/** The calls that nobody may make who wants to live on. */
export function killersAmong(answers: readonly CallAnswer[]): readonly SystemCall[] {
  return answers.filter(({ status }) => status === 'kills').map(({ call }) => call);
}

/** Whether system calls of this process are filtered (seccomp(2)). */
export type SeccompMode = 'none' | 'strict' | 'filter' | 'unknown';

/** `Seccomp` in `/proc/self/status`. */
export function seccompMode(): SeccompMode {
  const mode = statusField('Seccomp');
  return mode === undefined
    ? 'unknown'
    : ((['none', 'strict', 'filter'] as const)[Number(mode)] ?? 'unknown');
}
