import { markAsUntransferable } from 'node:worker_threads';

/** What the collector gives back. */
interface Held {
  readonly byteLength: number;
  release(): void;
}

/**
 * Holds of deliveries that end when nothing refers to their bytes any more. When the collector runs nobody knows, and it
 * may be never: so only a share of what may be held is left to it.
 */
export class CollectedHolds {
  readonly #maxBytes: number;
  readonly #maxCount: number;
  #bytes = 0;
  #count = 0;
  readonly #registry = new FinalizationRegistry<Held>((held) => {
    this.#bytes -= held.byteLength;
    this.#count--;
    held.release();
  });

  /** @param maxBytes how many bytes may be left to the collector; 0 for none. */
  constructor(maxBytes: number, maxCount: number) {
    this.#maxBytes = maxBytes;
    this.#maxCount = maxCount;
  }

  /** Whether so many bytes more may be left to it. */
  hasRoomFor(byteLength: number): boolean {
    return this.#count < this.#maxCount && this.#bytes + byteLength <= this.#maxBytes;
  }

  /**
   * Has `held` released once nothing refers to `buffer` any more.
   *
   * @param buffer that nothing else has. From now on it cannot be transferred: it would be taken for garbage then, while
   *   somebody else reads its memory.
   */
  add(buffer: ArrayBuffer, held: Held): void {
    markAsUntransferable(buffer);
    this.#bytes += held.byteLength;
    this.#count++;
    this.#registry.register(buffer, held);
  }
}
