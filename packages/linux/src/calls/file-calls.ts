/**
 * What any descriptor takes: to be read, written, duplicated, described and closed. See
 * {@link LinuxCalls} for the conventions.
 */
export interface FileCalls {
  /** read(2). 0 is the end of the input. */
  read(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  /**
   * preadv2(2) from where the file is, into one piece: read(2) with flags for this call alone. 0 is the end of the input.
   * With {@link RWF_NOWAIT} it answers `-EAGAIN` rather than wait, whatever mode the descriptor is in. `-EOPNOTSUPP` where
   * the kernel has not got that flag for such a file (for eventfds it has it since Linux 5.8), `-ENOSYS` before
   * Linux 4.6 and where a binding finds no such function in the C library. {@link readNow} is the way to read so.
   */
  preadv2(fd: number, bytes: Uint8Array, offset: number, length: number, flags: number): number;
  /** write(2). */
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  /** lseek(2). `position` and the result are bytes, exact up to 2^53. */
  lseek(fd: number, position: number, whence: number): number;
  /** close(2). */
  close(fd: number): number;
  /** fcntl(2) `F_DUPFD_CLOEXEC`: the lowest free number from `minimum` for the same description. */
  duplicate(fd: number, minimum: number): number;
  /** fcntl(2) `F_GETFL`: access mode and status flags. */
  getStatusFlags(fd: number): number;
  /** fcntl(2) `F_SETFL`. Affects every descriptor that shares the open file description. */
  setStatusFlags(fd: number, flags: number): number;
  /** fstat(2). Writes the fields named by {@link STAT_FIELD} to `status`, which has 6 elements. */
  fstat(fd: number, status: BigInt64Array): number;
  /** fchmod(2). */
  fchmod(fd: number, mode: number): number;
  /** flock(2). */
  flock(fd: number, operation: number): number;
}

/** Index of each field that {@link FileCalls.fstat} writes. */
export const STAT_FIELD = {
  device: 0,
  inode: 1,
  mode: 2,
  size: 3,
  blockSize: 4,
  specialDevice: 5,
} as const;
