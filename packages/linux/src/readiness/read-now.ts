import { EAGAIN, ENOSYS, EOPNOTSUPP, EPERM, POLLIN, RWF_NOWAIT } from '../calls/constants.js';
import type { FileCalls } from '../calls/file-calls.js';
import type { WaitingCalls } from '../calls/waiting-calls.js';
import { pollNow } from './poll-now.js';

/**
 * Reads what is there at this moment, and does not wait for more, whatever mode the descriptor is in: others who share the
 * open file description can make it block. One system call (preadv2(2)).
 *
 * Where the kernel, the C library or a seccomp filter has not got that call for such a file, it looks first and reads then
 * (poll(2), read(2)). Whoever else reads the same file in between can make that wait.
 *
 * @returns how many bytes were read, 0 at the end of the input, or `-errno`: `-EAGAIN` where nothing is there.
 * @throws `SYSTEM_CALL_FAILED` if the look fails.
 */
export function readNow(
  calls: Pick<FileCalls, 'preadv2' | 'read'> & Pick<WaitingCalls, 'poll'>,
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): number {
  const count = calls.preadv2(fd, bytes, offset, length, RWF_NOWAIT);
  if (count !== -EOPNOTSUPP && count !== -ENOSYS && count !== -EPERM) return count;
  // What is no input, as the end of it or an error, does not wait either.
  if (pollNow(calls, fd, POLLIN) === 0) return -EAGAIN;
  return calls.read(fd, bytes, offset, length);
}
