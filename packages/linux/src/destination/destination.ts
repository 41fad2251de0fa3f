import { O_DIRECT } from '../calls/architecture.js';
import { O_APPEND, O_NONBLOCK, S_IFMT } from '../calls/constants.js';
import { checkResult } from '../calls/errors.js';
import { type FileCalls, STAT_FIELD } from '../calls/file-calls.js';

/** A descriptor that bytes are to be written to, and what matters about it. */
export interface Destination {
  /** The descriptor. It stays the caller's. */
  readonly fd: number;
  /** What kind of file it is: one of `S_IFIFO`, `S_IFSOCK`, `S_IFREG`, `S_IFCHR`, and others (inode(7)). */
  readonly type: number;
  /** Of a device: which one, as `stat` reports it. */
  readonly device: bigint;
  /** True unless it is non-blocking (`O_NONBLOCK`). */
  readonly blocks: boolean;
  /** True if it goes past the page cache (`O_DIRECT`). */
  readonly isDirect: boolean;
  /** True if it was opened with `O_APPEND`, which splice(2) refuses. */
  readonly appends: boolean;
}

/**
 * Looks what a descriptor is (fstat(2), `F_GETFL`). It may become something else when it is closed and its number
 * used again, and others who share it may change its flags.
 *
 * @throws `SYSTEM_CALL_FAILED` (`EBADF`).
 */
export function destinationOf(calls: FileCalls, fd: number): Destination {
  const fields = new BigInt64Array(6);
  checkResult(calls.fstat(fd, fields), 'fstat', `descriptor ${fd}`);
  const flags = checkResult(calls.getStatusFlags(fd), 'fcntl', 'F_GETFL');
  return {
    fd,
    type: Number(fields[STAT_FIELD.mode]) & S_IFMT,
    device: fields[STAT_FIELD.specialDevice] as bigint,
    blocks: (flags & O_NONBLOCK) === 0,
    isDirect: (flags & O_DIRECT) !== 0,
    appends: (flags & O_APPEND) !== 0,
  };
}
