import { write } from 'node:fs';
import { promisify } from 'node:util';
import { isPageferryError } from '../errors.js';
import { retryWithBackoff } from '../waiting/backoff.js';
import type { Waits } from '../waiting/waits.js';
import { checkIsOpen } from './check-is-open.js';
import { writeBesideDirect } from './direct-file.js';
import { fileCallFailed } from './file-call-failed.js';

const writeOnce = promisify(write);
const PIECE = 1024 * 1024;

/**
 * Writes all of `bytes` to a descriptor on libuv's thread pool. What `spliceTo` comes down to where
 * nothing better is to be had. Waits for room in a non-blocking descriptor. What a descriptor that is
 * open for direct I/O (`O_DIRECT`) refuses goes through the page cache.
 *
 * @returns how many bytes were written: all of them, or fewer if the signal fired in between.
 * @throws `SYSTEM_CALL_FAILED` with `bytesTransferred`.
 */
export async function writeToDescriptor(
  fd: number,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number> {
  // There is no write that would tell.
  if (bytes.length === 0) checkIsOpen(fd);
  let written = 0;
  while (written < bytes.length && !signal?.aborted) {
    try {
      written += await retryWithBackoff(() => writeSome(fd, bytes, written), signal);
    } catch (error) {
      if (signal?.aborted) break;
      throw fileCallFailed(error, 'write', written);
    }
  }
  return written;
}

/** How much {@link movePiece} writes at once, in bytes: an abort takes effect in between. */
export const MOVED_PIECE_BYTES: number = 512 * 1024;

/**
 * Writes the beginning of `bytes` to a descriptor, for a receiver that moves a message on in pieces. `message` is `moving`
 * meanwhile, and `waits` are woken when it is not any more: also where its call has given up on it.
 *
 * @param note counts what was written, also if the rest has failed.
 * @throws as {@link writeToDescriptor}.
 */
export async function movePiece(
  message: { moving: boolean },
  bytes: Uint8Array,
  target: {
    readonly fd: number;
    readonly waits: Waits;
    readonly note: (byteLength: number) => void;
  },
  stop: AbortSignal,
): Promise<void> {
  const { fd, waits, note } = target;
  message.moving = true;
  try {
    note(await writeToDescriptor(fd, bytes.subarray(0, MOVED_PIECE_BYTES), stop));
  } catch (error) {
    if (isPageferryError(error)) note(error.bytesTransferred ?? 0);
    throw error;
  } finally {
    message.moving = false;
    waits.wake();
  }
}

/** Writes one piece; `undefined` if a non-blocking descriptor is full, which nobody announces. */
async function writeSome(
  fd: number,
  bytes: Uint8Array,
  offset: number,
): Promise<number | undefined> {
  const length = Math.min(PIECE, bytes.length - offset);
  try {
    return (await writeOnce(fd, bytes, offset, length, null)).bytesWritten;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN') return undefined;
    // Direct I/O takes whole blocks from aligned memory, and not every file system has it.
    const mayBeDirect = code === 'EINVAL' || code === 'EOPNOTSUPP' || code === 'ENOTSUP';
    const written = mayBeDirect ? await writeBesideDirect(fd, bytes, offset, length) : undefined;
    if (written === undefined) throw error;
    return written;
  }
}
