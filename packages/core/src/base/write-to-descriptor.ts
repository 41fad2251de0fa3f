import { write } from 'node:fs';
import { promisify } from 'node:util';
import { PageferryError } from '../errors.js';

const writeOnce = promisify(write);
const PIECE = 1024 * 1024;

/**
 * Writes all of `bytes` to a descriptor on libuv's thread pool. What `spliceTo` comes down to where
 * nothing better is to be had.
 *
 * @returns how many bytes were written: all of them, or fewer if the signal fired in between.
 * @throws `SYSTEM_CALL_FAILED` with `bytesTransferred`.
 */
export async function writeToDescriptor(
  fd: number,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number> {
  let written = 0;
  while (written < bytes.length && !signal?.aborted) {
    try {
      const length = Math.min(PIECE, bytes.length - written);
      written += (await writeOnce(fd, bytes, written, length, null)).bytesWritten;
    } catch (error) {
      throw writeError(error as NodeJS.ErrnoException, written);
    }
  }
  return written;
}

function writeError(error: NodeJS.ErrnoException, bytesTransferred: number): PageferryError {
  return new PageferryError('SYSTEM_CALL_FAILED', error.message, {
    cause: error,
    syscall: 'write',
    bytesTransferred,
    ...(error.errno === undefined ? {} : { errno: -error.errno }),
    ...(error.code === undefined ? {} : { errnoName: error.code }),
  });
}
