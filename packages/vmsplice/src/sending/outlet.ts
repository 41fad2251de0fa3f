import type { SendMethod } from '@pageferry/core';
import {
  EAGAIN,
  EPIPE,
  type LinuxCalls,
  SPLICE_F_NONBLOCK,
  systemCallError,
} from '@pageferry/linux';
import { probeVmsplice } from '../probe/probe-vmsplice.js';

/** How payload gets into a pipe on this kernel: by reference, or by a copy. */
export interface Outlet extends SendMethod {
  readonly method: 'vmsplice' | 'write';
  /**
   * Puts part of `bytes` into the pipe without waiting.
   *
   * @returns bytes taken; 0 if there is no room, -1 if nobody reads any more.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  put(fd: number, bytes: Uint8Array, offset: number, length: number): number;
}

/** Chooses the outlet: `vmsplice` where it references pages, `write` where it is refused or copies. */
export function chooseOutlet(calls: LinuxCalls): Outlet {
  const probe = probeVmsplice(calls);
  if (probe.result === 'references') return vmspliceOutlet(calls);
  const methodReason =
    probe.result === 'copies' ? 'vmsplice copies on this kernel' : `vmsplice: ${probe.errnoName}`;
  return writeOutlet(calls, methodReason);
}

function vmspliceOutlet(calls: LinuxCalls): Outlet {
  return {
    method: 'vmsplice',
    put: (fd, bytes, offset, length) =>
      taken(calls.vmsplice(fd, bytes, offset, length, SPLICE_F_NONBLOCK), 'vmsplice'),
  };
}

function writeOutlet(calls: LinuxCalls, methodReason: string): Outlet {
  return {
    method: 'write',
    methodReason,
    put: (fd, bytes, offset, length) => taken(calls.write(fd, bytes, offset, length), 'write'),
  };
}

function taken(result: number, syscall: string): number {
  if (result >= 0) return result;
  if (result === -EAGAIN) return 0;
  if (result === -EPIPE) return -1;
  throw systemCallError(syscall, result);
}

/** What `Sender.stats()` says of an outlet. */
export function sendMethodOf({ method, methodReason }: Outlet): SendMethod {
  return methodReason === undefined ? { method } : { method, methodReason };
}
