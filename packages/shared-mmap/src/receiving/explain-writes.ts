import { DELIVERY_WORDS } from '@pageferry/connection';
import type { LinuxCalls } from '@pageferry/linux';
import { DELIVERY, OWN_MEMORY_FLAG, PLACE_UNIT } from '../layout.js';

const ADVICE =
  "Deliveries are read-only: change a copy (delivery.copy()), or use access: 'read-write' on both sides.";

/** Where the entries of the last messages lie. */
export interface PublishedEntries {
  readonly words: Int32Array;
  /** The first of them, as an index in `words`. */
  readonly first: number;
  readonly count: number;
}

/**
 * Has a write to read-only memory explained before it ends the process: JavaScript has no read-only
 * typed array, and a segmentation fault alone says nothing. Costs no message anything: the entries are read when
 * it comes to the worst.
 */
export function explainWrites(
  calls: LinuxCalls,
  buffer: ArrayBuffer,
  { words, first, count }: PublishedEntries,
): void {
  const shape = Int32Array.of(
    first,
    count,
    DELIVERY_WORDS,
    DELIVERY.byteLength,
    DELIVERY.place,
    PLACE_UNIT,
    DELIVERY.sequence,
    DELIVERY.sequenceHigh,
    DELIVERY.slotId,
    OWN_MEMORY_FLAG,
  );
  // A binding that cannot explain (-ENOSYS) leaves it at the segmentation fault.
  calls.explainWrites(buffer, words, shape, ADVICE);
}

/** The entry of the one message in memory of its own. */
export function oneEntry(byteLength: number, sequence: number): PublishedEntries {
  const words = new Int32Array(DELIVERY_WORDS);
  words[DELIVERY.byteLength] = byteLength;
  words[DELIVERY.sequence] = sequence;
  words[DELIVERY.sequenceHigh] = Math.floor(sequence / 2 ** 32);
  return { words, first: 0, count: 1 };
}
