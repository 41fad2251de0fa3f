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

/**
 * - `answers`: the kernel makes the call. What it does is for the probes to say.
 * - `refused`: `EPERM`: a seccomp filter, most likely.
 * - `missing`: `ENOSYS`: the kernel lacks it, or a seccomp filter says so.
 * - `unsupported`: `EOPNOTSUPP`: the kernel knows it and does not do it, or a seccomp filter says so.
 */
export type CallStatus = 'answers' | 'refused' | 'missing' | 'unsupported' | 'fails';

/** How one call is answered here. */
export interface CallAnswer {
  readonly call: SystemCall;
  readonly status: CallStatus;
  readonly errnoName?: string;
}

/**
 * Asks for each call with arguments that cannot succeed: a kernel that makes the call finds the
 * mistake, and one that does not never looks at them.
 */
export function askSystemCalls(calls: LinuxCalls): readonly CallAnswer[] {
  const byte = new Uint8Array(1);
  return [
    answer('vmsplice', calls.vmsplice(-1, byte, 0, 1, 0), EBADF),
    answer('splice', calls.splice(-1, -1, 1, 0), EBADF),
    answer('tee', calls.tee(-1, -1, 1, 0), EBADF),
    answer('memfd_create', calls.memfdCreate('pageferry-doctor', 0x4000_0000), EINVAL),
  ];
}

function answer(call: SystemCall, result: number, expected: number): CallAnswer {
  if (result === -expected) return { call, status: 'answers' };
  return { call, status: STATUS[-result] ?? 'fails', errnoName: errnoName(-result) };
}

const STATUS: Readonly<Record<number, CallStatus>> = {
  [EPERM]: 'refused',
  [ENOSYS]: 'missing',
  [EOPNOTSUPP]: 'unsupported',
};

/** Whether system calls of this process are filtered (seccomp(2)). */
export type SeccompMode = 'none' | 'strict' | 'filter' | 'unknown';

/** `Seccomp` in `/proc/self/status`. */
export function seccompMode(): SeccompMode {
  const mode = statusField('Seccomp');
  return mode === undefined
    ? 'unknown'
    : ((['none', 'strict', 'filter'] as const)[Number(mode)] ?? 'unknown');
}
