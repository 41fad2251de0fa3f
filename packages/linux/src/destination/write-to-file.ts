import { O_DIRECT } from '../calls/architecture.js';
import { EINVAL, EOPNOTSUPP } from '../calls/constants.js';
import { type FileCalls, STAT_FIELD } from '../calls/file-calls.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import { OwnedFd } from '../resources/owned-fd.js';
import { inTurn } from './in-turn.js';

/** How a file system answers a direct write that it cannot make: mostly the bytes are not aligned. */
const REFUSALS: readonly number[] = [-EINVAL, -EOPNOTSUPP];

/** Another process may switch direct I/O on at the wrong moment, but not each time. */
const MOST_ATTEMPTS = 10;

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
  const write = (to: number): Promise<number> => calls.writeOnThread(to, bytes, offset, length);
  const written = await write(fd);
  if (!REFUSALS.includes(written)) return written;
  // A duplicate: the caller may close the original meanwhile, and its number be another file's.
  const duplicate = calls.duplicate(fd, 0);
  if (duplicate < 0) return written;
  const own = new OwnedFd(calls, duplicate);
  try {
    // In turn: whoever is done switches direct I/O on, also for those that share the description.
    return await inTurn(fileOf(calls, own.fd), () =>
      writeIndirectly(calls, own.fd, write, written),
    );
  } finally {
    own.close();
  }
}

/** @param refusal what the file system has answered to the direct write. */
async function writeIndirectly(
  calls: LinuxCalls,
  fd: number,
  write: (fd: number) => Promise<number>,
  refusal: number,
): Promise<number> {
  let written = refusal;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const flags = calls.getStatusFlags(fd);
    if (flags < 0) return written;
    const isDirect = (flags & O_DIRECT) !== 0;
    if (isDirect && calls.setStatusFlags(fd, flags & ~O_DIRECT) < 0) return written;
    let stayedOff = true;
    try {
      written = await write(fd);
      stayedOff = (calls.getStatusFlags(fd) & O_DIRECT) === 0;
    } finally {
      if (isDirect) calls.setStatusFlags(fd, flags);
    }
    if (stayedOff || !REFUSALS.includes(written)) return written;
  }
  return written;
}

/** A name for the file. Descriptions of one file take turns too: they write to it one by one anyway. */
function fileOf(calls: FileCalls, fd: number): string {
  const fields = new BigInt64Array(6);
  calls.fstat(fd, fields);
  return `${fields[STAT_FIELD.device]}:${fields[STAT_FIELD.inode]}`;
}
