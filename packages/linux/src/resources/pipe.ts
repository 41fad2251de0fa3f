import { readFileSync } from 'node:fs';
import { O_NONBLOCK } from '../calls/constants.js';
import { checkResult } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import type { PipeCalls } from '../calls/pipe-calls.js';
import { OwnedFd } from './owned-fd.js';

/** Both ends of a pipe. */
export interface Pipe {
  /** Where bytes come out. */
  readonly readEnd: OwnedFd;
  /** Where bytes go in. */
  readonly writeEnd: OwnedFd;
}

/**
 * Makes a pipe (pipe2(2)); both ends are close-on-exec and non-blocking.
 *
 * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`).
 */
export function createPipe(calls: LinuxCalls): Pipe {
  const ends = new Int32Array(2);
  checkResult(calls.pipe2(ends, O_NONBLOCK), 'pipe2');
  return {
    readEnd: new OwnedFd(calls, ends[0] as number),
    writeEnd: new OwnedFd(calls, ends[1] as number),
  };
}

/**
 * Makes a pipe as {@link createPipe} does, and grows it as {@link growPipe} does.
 *
 * @returns both ends, and the capacity in bytes.
 * @throws `SYSTEM_CALL_FAILED`; nothing is left open then.
 */
export function createGrownPipe(
  calls: LinuxCalls,
  wanted: number,
): Pipe & { readonly byteLength: number } {
  const pipe = createPipe(calls);
  try {
    return { ...pipe, byteLength: growPipe(calls, pipe.writeEnd.fd, wanted) };
  } catch (error) {
    pipe.readEnd.close();
    pipe.writeEnd.close();
    throw error;
  }
}

/**
 * Grows a pipe to `wanted` bytes, or as near as the kernel lets it: past `pipe-user-pages-soft`
 * (pipe(7)) an unprivileged user gets EPERM, and the pipe stays as it is.
 *
 * @returns the pipe's capacity in bytes.
 * @throws `SYSTEM_CALL_FAILED` if `fd` is not a pipe.
 */
export function growPipe(calls: PipeCalls, fd: number, wanted: number): number {
  const present = checkResult(calls.getPipeSize(fd), 'fcntl', 'F_GETPIPE_SZ');
  for (let size = wanted; size > present; size = Math.floor(size / 2)) {
    const granted = calls.setPipeSize(fd, size);
    if (granted > 0) return granted;
  }
  return present;
}

/** `/proc/sys/fs/pipe-max-size` in bytes (pipe(7)), or the kernel's default of 1 MiB. */
export function largestPipeSize(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/pipe-max-size', 'latin1')) || 1 << 20;
  } catch {
    return 1 << 20;
  }
}
