import { PageferryError } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { SystemCall } from '../capabilities/system-calls.js';

const METHODS = {
  vmsplice: 'vmsplice',
  splice: 'splice',
  tee: 'tee',
  memfd_create: 'memfdCreate',
} as const satisfies Record<SystemCall, keyof LinuxCalls>;

/** The same calls, but for those that would end this process: they throw `SYSTEM_CALL_FAILED`. */
export function sparing(calls: LinuxCalls, killers: readonly SystemCall[]): LinuxCalls {
  if (killers.length === 0) return calls;
  const spared: Record<string, () => never> = {};
  for (const call of killers) {
    spared[METHODS[call]] = () => {
      throw new PageferryError('SYSTEM_CALL_FAILED', deadly(call), { syscall: call });
    };
  }
  return { ...calls, ...spared };
}

/** What there is to say of a call that ends whoever makes it. */
export function deadly(call: SystemCall): string {
  return `${call}: a process that makes this call is killed`;
}
