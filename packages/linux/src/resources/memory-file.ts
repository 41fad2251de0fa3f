import { EINVAL, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL } from '../calls/constants.js';
import { checkResult } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import type { MemoryCalls } from '../calls/memory-calls.js';
import { OwnedFd } from './owned-fd.js';

/** Whose kernel was found not to know `MFD_NOEXEC_SEAL`: older than 6.3. */
const withoutNoexec = new WeakSet<MemoryCalls>();

/**
 * A memory file that can be sealed (memfd_create(2)), and that can never be made a program, where the
 * kernel knows of that: some are told to give out no other (`vm.memfd_noexec`). It is empty.
 *
 * @param name shows up in `/proc/PID/maps`.
 * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENOMEM`; `EACCES` where a policy forbids it).
 */
export function createMemoryFile(calls: LinuxCalls, name: string): OwnedFd {
  let fd = -EINVAL;
  if (!withoutNoexec.has(calls)) {
    fd = calls.memfdCreate(name, MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  }
  if (fd === -EINVAL) {
    fd = calls.memfdCreate(name, MFD_ALLOW_SEALING);
    if (fd >= 0) withoutNoexec.add(calls);
  }
  return new OwnedFd(calls, checkResult(fd, 'memfd_create', name));
}
