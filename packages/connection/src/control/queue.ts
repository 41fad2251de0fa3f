import { ENTRY_WORDS } from './layout.js';

/**
 * One entry of a queue, as four 32-bit words whose meaning is the transport's. It is filled in
 * place, so that no message costs an allocation.
 */
export type Entry = Int32Array;

/** Memory for one entry, to read into or write from. */
export function createEntry(): Entry {
  return new Int32Array(ENTRY_WORDS);
}

/** Where a queue lies in the control memory, in words. */
export interface QueuePlace {
  /** The counter of entries ever put in. Written by the producer alone. */
  readonly counter: number;
  /** The first entry. */
  readonly entries: number;
  /** How many entries there are; a power of two. */
  readonly capacity: number;
}

/**
 * The producing end of a queue with one producer and one consumer.
 *
 * The queue itself does not know whether it is full. A connection never has more messages under way
 * than a queue has entries, so that neither queue can overflow, and no counter has to travel back.
 */
export class QueueProducer {
  readonly #words: Int32Array;
  readonly #place: QueuePlace;
  #count: number;

  /** @param count entries that have passed before: a queue can begin anywhere in its count. */
  constructor(words: Int32Array, place: QueuePlace, count = 0) {
    this.#words = words;
    this.#place = place;
    this.#count = count | 0;
  }

  /** Appends an entry and publishes it. */
  push(first: number, second: number, third: number, fourth: number): void {
    const words = this.#words;
    const { capacity, entries, counter } = this.#place;
    const at = entries + (this.#count & (capacity - 1)) * ENTRY_WORDS;
    Atomics.store(words, at, first);
    Atomics.store(words, at + 1, second);
    Atomics.store(words, at + 2, third);
    Atomics.store(words, at + 3, fourth);
    this.#count = (this.#count + 1) | 0;
    // The consumer sees the entry whole: stores of Atomics are seen in their order.
    Atomics.store(words, counter, this.#count);
  }
}

/** The consuming end of a queue with one producer and one consumer. */
export class QueueConsumer {
  readonly #words: Int32Array;
  readonly #place: QueuePlace;
  #count: number;

  /** @param count entries that have passed before: a queue can begin anywhere in its count. */
  constructor(words: Int32Array, place: QueuePlace, count = 0) {
    this.#words = words;
    this.#place = place;
    this.#count = count | 0;
  }

  /**
   * How many entries wait. The producer may lie: check the number before trusting it.
   */
  available(): number {
    return (Atomics.load(this.#words, this.#place.counter) - this.#count) | 0;
  }

  /** Copies the next entry into `entry`. Only after `available` has said that there is one. */
  shift(entry: Entry): void {
    const words = this.#words;
    const { capacity, entries } = this.#place;
    const at = entries + (this.#count & (capacity - 1)) * ENTRY_WORDS;
    for (let word = 0; word < ENTRY_WORDS; word++) entry[word] = Atomics.load(words, at + word);
    this.#count = (this.#count + 1) | 0;
  }
}
