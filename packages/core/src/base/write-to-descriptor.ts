import { write } from 'node:fs';
import { promisify } from 'node:util';
import { PageferryError } from '../errors.js';
import { retryWithBackoff } from '../waiting/backoff.js';

const writeOnce = promisify(write);
const PIECE = 1024 * 1024;

/**
 * Writes all of `bytes` to a descriptor on libuv's thread pool. What `spliceTo` comes down to where
 * nothing better is to be had. Waits for room in a non-blocking descriptor.
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
      written += await retryWithBackoff(() => writeSome(fd, bytes, written), signal);
    } catch (error) {
      if (signal?.aborted) break;
      throw writeError(error as NodeJS.ErrnoException, written);
    }
  }
  return written;
}

/** Writes one piece; `undefined` if a non-blocking descriptor is full, which nobody announces. */
async function writeSome(
  fd: number,
  bytes: Uint8Array,
  offset: number,
): Promise<number | undefined> {
  try {
    const length = Math.min(PIECE, bytes.length - offset);
    return (await writeOnce(fd, bytes, offset, length, null)).bytesWritten;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
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
