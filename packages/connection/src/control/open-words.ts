import { PROTOCOL_VERSION } from '@pageferry/core';
import { checkResult, type LinuxCalls, Mapping, SIZE_SEALS, STAT_FIELD } from '@pageferry/linux';
import { HEADER } from './layout.js';

/** Largest queue that is believed: what a peer claims decides how far indices reach. */
const MAX_CAPACITY = 1 << 16;

/** What memory of a peer has to be that begins with {@link HEADER}'s magic, version and capacity. */
export interface ExpectedWords {
  /** The word that it has to begin with. */
  readonly magic: number;
  /** Its length in bytes, by its capacity. */
  readonly byteLength: (capacity: number) => number;
  /** How to map it. */
  readonly protection: number;
  /** The error for one that is something else. */
  readonly misbehaved: (what: string) => Error;
}

/**
 * Maps memory for entries that came from a peer, after checking its seals, its length, and that its header fits.
 *
 * @param fd stays the caller's; it may be closed afterwards.
 * @returns the mapping, which is the caller's to close, and how many entries there are: a power of two.
 * @throws `misbehaved` if it is not what it should be, `SYSTEM_CALL_FAILED`.
 */
export function openWords(
  calls: LinuxCalls,
  fd: number,
  { magic, byteLength, protection, misbehaved }: ExpectedWords,
): { readonly mapping: Mapping; readonly capacity: number } {
  const status = new BigInt64Array(6);
  checkResult(calls.fstat(fd, status), 'fstat');
  const actual = Number(status[STAT_FIELD.size]);
  // Without these seals the peer could shrink the file, and the next access would be a SIGBUS.
  const seals = calls.getSeals(fd);
  if (seals < 0 || (seals & SIZE_SEALS) !== SIZE_SEALS) throw misbehaved('is not sealed');
  if (actual < byteLength(1) || actual > byteLength(MAX_CAPACITY)) {
    throw misbehaved(`has ${actual} bytes`);
  }
  const mapping = Mapping.shared(calls, fd, actual, protection);
  try {
    const header = new Int32Array(mapping.buffer);
    const capacity = Atomics.load(header, HEADER.capacity);
    if (Atomics.load(header, HEADER.magic) !== magic) throw misbehaved('has no magic');
    if (Atomics.load(header, HEADER.version) !== PROTOCOL_VERSION) {
      throw misbehaved('has another version');
    }
    if (capacity < 1 || (capacity & (capacity - 1)) !== 0) {
      throw misbehaved(`claims ${capacity} entries`);
    }
    if (byteLength(capacity) !== actual) throw misbehaved('contradicts its size');
    return { mapping, capacity };
  } catch (error) {
    mapping.close();
    throw error;
  }
}
