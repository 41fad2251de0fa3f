import { types } from 'node:util';
import { invalidArgument, memoryOf, sourceDetached } from '@pageferry/core';
import { type LinuxCalls, MAX_DESCRIPTORS_PER_MESSAGE, OwnedFd } from '@pageferry/linux';

/** A descriptor that stays whose it is: a number, or what has one (`OwnedFd`, `FileHandle`). */
export type BorrowedFd = number | { readonly fd: number };

/** What {@link FdSocket.write} takes beside strings and bytes. A {@link ReceivedMessage} is one, too. */
export interface OutgoingMessage {
  /** At least one byte, if descriptors go along. */
  readonly data: string | Uint8Array;
  /** At most 253 (`SCM_MAX_FD`). They stay the caller's, who may close them as soon as `write` has returned. */
  readonly fds?: readonly BorrowedFd[];
}

/** What is to be sent: bytes in a Buffer of its own, and which descriptors of the caller's. */
export interface Parcel {
  readonly bytes: Buffer;
  readonly fds: readonly number[];
}

/** @throws `INVALID_ARGUMENT`, `BYTES_DETACHED`. */
export function toParcel(chunk: unknown, encoding: BufferEncoding): Parcel {
  const isPlain = typeof chunk === 'string' || types.isUint8Array(chunk);
  const { data, fds = [] } = (
    isPlain ? { data: chunk } : (chunk ?? {})
  ) as Partial<OutgoingMessage>;
  const bytes = toBytes(data ?? chunk, encoding);
  if (!Array.isArray(fds) || fds.length > MAX_DESCRIPTORS_PER_MESSAGE) {
    const expected = `an array of at most ${MAX_DESCRIPTORS_PER_MESSAGE} descriptors`;
    throw invalidArgument('fds', fds, expected);
  }
  if (fds.length > 0 && bytes.length === 0) {
    throw invalidArgument('data', data, 'at least one byte, which the descriptors travel with');
  }
  return { bytes, fds: Array.from(fds, toNumber) };
}

function toBytes(data: unknown, encoding: BufferEncoding): Buffer {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  // A Buffer of its own, also where the caller writes the same one twice: descriptors are kept by it.
  if (types.isUint8Array(data)) {
    const memory = memoryOf(data);
    if (memory === undefined) throw sourceDetached('data');
    return Buffer.from(memory.buffer as ArrayBuffer, memory.byteOffset, memory.byteLength);
  }
  throw invalidArgument('chunk', data, 'a string, bytes, or { data, fds }');
}

function toNumber(borrowed: unknown): number {
  const fd = typeof borrowed === 'number' ? borrowed : (borrowed as { fd?: unknown } | null)?.fd;
  if (Number.isInteger(fd) && (fd as number) >= 0 && (fd as number) < 2 ** 31) return fd as number;
  throw invalidArgument('fds', borrowed, 'descriptors: numbers, or objects that have one as `fd`');
}

/**
 * Duplicates descriptors, so that they outlive their owner until they are sent.
 *
 * @throws `SYSTEM_CALL_FAILED` (`EBADF`, `EMFILE`); then none of them stays open.
 */
export function duplicateAll(calls: LinuxCalls, fds: readonly number[]): OwnedFd[] {
  const duplicates: OwnedFd[] = [];
  try {
    for (const fd of fds) duplicates.push(OwnedFd.duplicateOf(calls, fd));
    return duplicates;
  } catch (error) {
    closeAll(duplicates);
    throw error;
  }
}

/** Closes each of them. */
export function closeAll(fds: Iterable<OwnedFd>): void {
  for (const fd of fds) fd.close();
}
