import type { ClaimableProducer } from '@pageferry/connection';
import type { Slot } from '../memory/slot.js';

/**
 * What a receiver that may miss messages has not taken yet, as far as its sender knows, so that the
 * sender can take it back.
 */
export class DroppableQueue {
  readonly #queue: ClaimableProducer;
  readonly #capacity: number;
  readonly #dropsOldest: boolean;
  readonly #slots: (Slot | undefined)[];
  /** Number of the oldest entry that may not be taken yet. */
  #first = 0;
  /** Number of the next entry. */
  #next = 0;

  constructor(queue: ClaimableProducer, capacity: number, dropsOldest: boolean) {
    this.#queue = queue;
    this.#capacity = capacity;
    this.#dropsOldest = dropsOldest;
    this.#slots = new Array(capacity);
  }

  /** Notes what is about to be published. */
  add(slot: Slot): void {
    this.#slots[this.#next % this.#capacity] = slot;
    this.#next++;
    this.#first = Math.max(this.#first, this.#next - this.#capacity);
  }

  /** True if the place of the next entry is taken up by one that nobody has taken or dropped. */
  get nextIsTaken(): boolean {
    const before = this.#next - this.#capacity;
    return before >= this.#first && this.#queue.waits(before);
  }

  /** Takes back the oldest message, or the newest; `undefined` if the receiver has taken all. */
  drop(): Slot | undefined {
    if (!this.#dropsOldest) return this.#dropNewest();
    while (this.#first < this.#next) {
      const number = this.#first++;
      if (this.#queue.drop(number)) return this.#slots[number % this.#capacity];
    }
    return undefined;
  }

  #dropNewest(): Slot | undefined {
    for (let number = this.#next - 1; number >= this.#first; number--) {
      if (this.#queue.drop(number)) return this.#slots[number % this.#capacity];
    }
    return undefined;
  }
}
