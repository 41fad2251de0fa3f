import { O_DIRECT } from '../calls/architecture.js';
import { EINVAL, EOPNOTSUPP } from '../calls/constants.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import { OwnedFd } from '../resources/owned-fd.js';

/** How a file system answers a direct write that it cannot make: mostly the bytes are not aligned. */
const REFUSALS: readonly number[] = [-EINVAL, -EOPNOTSUPP];

/**
 * As `LinuxCalls.writeOnThread`, for a descriptor that may be open for direct I/O (`O_DIRECT`, open(2)):
 * what the file system refuses to write past the page cache goes through it. `O_DIRECT` is switched off
 * meanwhile, for everybody who shares the descriptor, and on again.
 *
 * @returns bytes written, or `-errno`.
 */
export async function writeToFileOnThread(
  calls: LinuxCalls,
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Promise<number> {
  const written = await calls.writeOnThread(fd, bytes, offset, length);
  if (!REFUSALS.includes(written)) return written;
  const flags = calls.getStatusFlags(fd);
  if (flags < 0) return written;
  // Another write through this description may have it switched off just now.
  if ((flags & O_DIRECT) === 0) return calls.writeOnThread(fd, bytes, offset, length);
  // A duplicate: the caller may close the original meanwhile, and its number be another file's.
  const duplicate = calls.duplicate(fd, 0);
  if (duplicate < 0) return written;
  const own = new OwnedFd(calls, duplicate);
  try {
    if (calls.setStatusFlags(own.fd, flags & ~O_DIRECT) < 0) return written;
    try {
      return await calls.writeOnThread(own.fd, bytes, offset, length);
    } finally {
      calls.setStatusFlags(own.fd, flags);
    }
  } finally {
    own.close();
  }
}
