import type { Mapping } from '@pageferry/linux';
import { PAGE_BYTES } from './slot-size.js';

/** How many buffers are kept, and how often the memory in all of them: V8 takes it for external memory. */
const MAX_BUFFERS = 8192;
const MAX_TIMES = 2;

/**
 * An `ArrayBuffer` for each part of the payload memory that was a slot lately. Making one costs more than
 * all the rest of a message, and memory is cut anew again and again where messages differ in length.
 */
export class SlotBuffers {
  readonly #mapping: Mapping;
  /** By length, then by offset. */
  readonly #buffers = new Map<number, Map<number, ArrayBuffer>>();
  #count = 0;
  #bytes = 0;

  constructor(mapping: Mapping) {
    this.#mapping = mapping;
  }

  /**
   * The buffer over a slot; a new one if a program has detached it. That of a small slot is as long as the
   * next power of two: there are few lengths then, so that the buffers of slots that were cut anew are
   * mostly there already.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  of(offset: number, slotLength: number): ArrayBuffer {
    const wanted = slotLength < PAGE_BYTES ? 2 ** (32 - Math.clz32(slotLength - 1)) : slotLength;
    const byteLength = Math.min(wanted, this.#mapping.byteLength - offset);
    const known = this.#buffers.get(byteLength)?.get(offset);
    if (known?.byteLength === byteLength) return known;
    const buffer = this.#mapping.alias(offset, byteLength);
    this.#keep(buffer, offset, byteLength);
    return buffer;
  }

  #keep(buffer: ArrayBuffer, offset: number, byteLength: number): void {
    const isFull = this.#bytes + byteLength > MAX_TIMES * this.#mapping.byteLength;
    if (isFull || this.#count >= MAX_BUFFERS) {
      this.#buffers.clear();
      this.#count = 0;
      this.#bytes = 0;
    }
    const ofLength = this.#buffers.get(byteLength) ?? new Map<number, ArrayBuffer>();
    this.#buffers.set(byteLength, ofLength.set(offset, buffer));
    this.#count++;
    this.#bytes += byteLength;
  }
}
