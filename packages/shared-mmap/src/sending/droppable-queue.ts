import type { Slot } from '../memory/slot.js';
import type { ClaimableProducer } from '../queue/claimable-queue.js';

/**
 * What a receiver that may miss messages has not taken yet, as far as its sender knows, so that the
 * sender can take it back.
 */
export class DroppableQueue {
  readonly #queue: ClaimableProducer;
  readonly #capacity: number;
  readonly #dropsOldest: boolean;
  readonly #slots: (Slot | undefined)[];
  /** Which message each entry was: its slot may hold another one by now. */
  readonly #sequences: Float64Array;
  /** 1 for each entry that was neither taken nor dropped, as far as is known. */
  readonly #waits: Uint8Array;
  /** Number of the oldest entry that may not be taken yet. */
  #first = 0;
  /** Number of the next entry. */
  #next = 0;
  #waiting = 0;
  /** How many descriptors were passed for each entry. */
  readonly #passedCounts: Uint16Array;
  #passedWaiting = 0;
  #descriptorsWaiting = 0;

  constructor(queue: ClaimableProducer, capacity: number, dropsOldest: boolean) {
    this.#queue = queue;
    this.#capacity = capacity;
    this.#dropsOldest = dropsOldest;
    this.#slots = new Array(capacity);
    this.#sequences = new Float64Array(capacity);
    this.#waits = new Uint8Array(capacity);
    this.#passedCounts = new Uint16Array(capacity);
  }

  /** How many messages wait to be taken: at most so many, for some may be taken by now. See {@link look}. */
  get waiting(): number {
    return this.#waiting;
  }

  /** For how many of them something was passed. */
  get passedWaiting(): number {
    return this.#passedWaiting;
  }

  /** How many descriptors that was. */
  get descriptorsWaiting(): number {
    return this.#descriptorsWaiting;
  }

  /** Looks what the receiver has taken. */
  look(): void {
    while (this.#first < this.#next && !this.#queue.waits(this.#first)) this.#pass(this.#first++);
  }

  /** Publishes a message, and notes it. Only if the place of the next entry is not taken up. */
  push(slot: Slot): void {
    const { messageLength, place, name, sequence, tag } = slot;
    const high = Math.floor(sequence / 2 ** 32);
    this.#queue.push(messageLength | 0, place, name, sequence | 0, high, tag);
    // What was in this place before was taken.
    this.#pass(this.#next);
    const at = this.#next % this.#capacity;
    this.#slots[at] = slot;
    this.#sequences[at] = sequence;
    this.#waits[at] = 1;
    this.#waiting++;
    this.#passedCounts[at] = slot.passedCount;
    if (slot.passedCount > 0) {
      this.#passedWaiting++;
      this.#descriptorsWaiting += slot.passedCount;
    }
    this.#next++;
    this.#first = Math.max(this.#first, this.#next - this.#capacity);
  }

  /** True if the place of the next entry is taken up by one that nobody has taken or dropped. */
  get nextIsTaken(): boolean {
    const before = this.#next - this.#capacity;
    return before >= this.#first && this.#queue.waits(before);
  }

  /**
   * Takes back the oldest message, or the newest.
   *
   * @param holds whether the receiver still holds a message, as far as the sender knows.
   * @returns the message; `'returned'` for one that the receiver has given back without taking it, which
   *   breaks the protocol; `undefined` if the receiver has taken all.
   */
  drop(holds: (slot: Slot) => boolean): Slot | 'returned' | undefined {
    const number = this.#dropsOldest ? this.#dropOldest() : this.#dropNewest();
    if (number < 0) return undefined;
    const at = number % this.#capacity;
    const slot = this.#slots[at] as Slot;
    return slot.sequence === this.#sequences[at] && holds(slot) ? slot : 'returned';
  }

  #dropOldest(): number {
    while (this.#first < this.#next) {
      const number = this.#first++;
      this.#pass(number);
      if (this.#queue.drop(number)) return number;
    }
    return -1;
  }

  #dropNewest(): number {
    for (let number = this.#next - 1; number >= this.#first; number--) {
      this.#pass(number);
      if (this.#queue.drop(number)) return number;
    }
    return -1;
  }

  /** Notes that an entry, or the one that has its place, does not wait any more. */
  #pass(number: number): void {
    const at = number % this.#capacity;
    if (this.#waits[at] === 0) return;
    this.#waits[at] = 0;
    this.#waiting--;
    const passedCount = this.#passedCounts[at] as number;
    if (passedCount === 0) return;
    this.#passedWaiting--;
    this.#descriptorsWaiting -= passedCount;
  }
}
