import type { OwnBuffer } from '../contract/bytes.js';
import { PageferryError } from '../errors.js';

/** Larger buffers are not kept: they would tie up too much memory. */
const LARGEST_KEPT = 16 * 1024 * 1024;

/**
 * Buffers to use again. New memory has to be cleared by the kernel and mapped page by page, which
 * costs as much as copying a message into it. Those used last come first: they may be in the cache.
 */
export class BufferPool {
  readonly #limit: number;
  readonly #free = new Map<number, OwnBuffer[]>();
  #kept = 0;

  /** @param limit how many bytes of unused buffers to keep at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * A buffer of `byteLength` bytes or more, in an `ArrayBuffer` of its own. Its content is undefined.
   *
   * Not out of Node's own pool, although that is quicker for small ones: who clones a message, or has
   * its memory moved on, reaches all of its `ArrayBuffer`.
   *
   * @throws `SYSTEM_CALL_FAILED` when memory is short.
   */
  take(byteLength: number): OwnBuffer {
    const capacity = capacityFor(byteLength);
    const free = this.#free.get(capacity);
    for (let kept = free?.pop(); kept !== undefined; kept = free?.pop()) {
      this.#kept -= capacity;
      // A program may have kept a view, and had the memory moved on.
      if (kept.length === capacity) return kept;
    }
    try {
      return Buffer.allocUnsafeSlow(capacity);
    } catch (cause) {
      const message = `there is no memory for ${capacity} bytes`;
      const details = { cause, syscall: 'mmap', errno: 12, errnoName: 'ENOMEM' };
      throw new PageferryError('SYSTEM_CALL_FAILED', message, details);
    }
  }

  /** Takes back what `take` returned, once nobody reads or writes it any more. */
  giveBack(buffer: OwnBuffer): void {
    const capacity = buffer.length;
    const worthKeeping = capacity > 0 && capacity <= LARGEST_KEPT;
    if (!worthKeeping || this.#kept + capacity > this.#limit) return;
    const kept = this.#free.get(capacity);
    if (kept === undefined) this.#free.set(capacity, [buffer]);
    else kept.push(buffer);
    this.#kept += capacity;
  }

  /** Lets go of everything that is kept. */
  clear(): void {
    this.#free.clear();
    this.#kept = 0;
  }
}

/** Few different sizes, so that a buffer fits the next message too: four steps to a power of two. */
function capacityFor(byteLength: number): number {
  if (byteLength > LARGEST_KEPT) return byteLength;
  const step = 2 ** Math.max(4, 29 - Math.clz32(byteLength - 1));
  return Math.ceil(byteLength / step) * step;
}
