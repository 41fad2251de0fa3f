import type { LinuxCalls } from '@pageferry/linux';

const ADVICE =
  "Deliveries are read-only: change a copy (delivery.copy()), or use access: 'read-write' on both sides.";

/** For how many slots it is remembered which message they hold. A power of two. */
const REMEMBERED = 1024;

/**
 * Has a write to read-only memory explained before it ends the process: JavaScript has no read-only
 * typed array, and a segmentation fault alone says nothing.
 */
export class WriteGuard {
  /** Triples of offset, length and number, by slot. The binding reads them when there is a fault. */
  readonly #ranges: Float64Array;
  readonly #mask: number;

  /** @param slots how many slots `buffer` may have; a power of two. */
  constructor(calls: LinuxCalls, buffer: ArrayBuffer, slots = REMEMBERED) {
    this.#ranges = new Float64Array(3 * slots);
    this.#mask = slots - 1;
    // A binding that cannot explain (-ENOSYS) leaves it at the segmentation fault.
    calls.explainWrites(buffer, this.#ranges, ADVICE);
  }

  /** Notes what lies where. The slot that was used last is used next: its place is in the cache. */
  note(slotId: number, offset: number, byteLength: number, sequence: number): void {
    const at = 3 * (slotId & this.#mask);
    this.#ranges[at] = offset;
    this.#ranges[at + 1] = byteLength;
    this.#ranges[at + 2] = sequence;
  }
}
