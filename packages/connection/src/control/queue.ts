import { loadInOrder } from './load-in-order.js';

/**
 * One entry of a queue, as 32-bit words whose meaning is the mechanism's. It is filled in place, so that no
 * message costs an allocation.
 */
export type Entry = Int32Array;

/** Memory for one entry, to read into or write from: four words, unless the queue has entries of others. */
export function createEntry(words = 4): Entry {
  return new Int32Array(words);
}

/** Where a queue lies in the control memory, in words. */
export interface QueuePlace {
  /** The counter of entries ever put in. Written by the producer alone. */
  readonly counter: number;
  /** The first entry. */
  readonly entries: number;
  /** How many entries there are; a power of two. */
  readonly capacity: number;
  /** From one entry to the next. */
  readonly stride: number;
}

/** Either end of a queue. Its place is taken apart: reaching through it costs each message a few loads. */
abstract class QueueEnd {
  /** The control memory. */
  readonly words: Int32Array;
  /** How many entries there are. */
  readonly capacity: number;
  /** See {@link QueuePlace.counter}. */
  protected readonly counter: number;
  /** Entries that have passed this end, kept to 32 bits. */
  protected count: number;
  readonly #entries: number;
  readonly #stride: number;

  /** @param count entries that have passed before: a queue can begin anywhere in its count. */
  constructor(words: Int32Array, place: QueuePlace, count = 0) {
    this.words = words;
    this.counter = place.counter;
    this.capacity = place.capacity;
    this.#entries = place.entries;
    this.#stride = place.stride;
    this.count = count | 0;
  }

  /** Where the entry with a number lies, in words. */
  protected at(number: number): number {
    return this.#entries + (number & (this.capacity - 1)) * this.#stride;
  }
}

/**
 * The producing end of a queue with one producer and one consumer.
 *
 * The queue itself does not know whether it is full. A connection never has more messages under way
 * than a queue has entries for, so that neither queue can overflow, and no counter has to travel back.
 */
export class QueueProducer extends QueueEnd {
  /** Appends an entry of four words and publishes it. */
  push(first: number, second: number, third: number, fourth: number): void {
    this.write(first, second, third, fourth);
    this.publish();
  }

  /** Appends an entry of two words and publishes it. */
  pushPair(first: number, second: number): void {
    const at = this.at(this.count);
    this.words[at] = first;
    this.words[at + 1] = second;
    this.publish();
  }

  /**
   * Writes the next entry; nobody looks at it before it is published. Plain stores, for the one that
   * publishes them is no plain one: see `docs/decisions/0011-entries-are-plain-counters-are-atomic.md`.
   *
   * @returns where the entry lies.
   */
  protected write(first: number, second: number, third: number, fourth: number): number {
    const { words } = this;
    const at = this.at(this.count);
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = third;
    words[at + 3] = fourth;
    return at;
  }

  /** The consumer sees the entry whole: whatever was stored before is seen before. */
  protected publish(): void {
    this.count = (this.count + 1) | 0;
    Atomics.store(this.words, this.counter, this.count);
  }
}

/** Where a receiver finds out what its sender has published. It may lie: check what it says before trusting it. */
export interface DeliverySource {
  /** How many entries wait. */
  available(): number;
  /** As {@link available}, without a look at the counter while entries are known to wait. */
  known(): number;
  /** From now on no entry waits, whatever the producer says. */
  stop(): void;
}

/** The consuming end of a queue with one producer and one consumer. */
export class QueueConsumer extends QueueEnd implements DeliverySource {
  /** The producer's counter, when it was last looked at. */
  #seen = this.count;
  #stopped = false;

  available(): number {
    this.#seen = this.#stopped ? this.count : loadInOrder(this.words, this.counter);
    return (this.#seen - this.count) | 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#seen = this.count;
  }

  /** The cache line that the counter lies in travels from one processor to the other at each look. */
  known(): number {
    const known = (this.#seen - this.count) | 0;
    return known === 0 ? this.available() : known;
  }

  /** Entries ever taken, kept to 32 bits. */
  get passed(): number {
    return this.count;
  }

  /**
   * Copies the next entry into `entry`, as many words as that has. Only after `available` has said that there
   * is one. What is in `entry` then cannot change any more.
   */
  shift(entry: Entry): void {
    const { words } = this;
    const at = this.take();
    for (let word = 0; word < entry.length; word++) entry[word] = words[at + word] as number;
  }

  /**
   * Goes past the next entry, and says where in `words` it lies. Plain loads do: the counter was loaded
   * before, and that was no plain one. The producer may lie, and change a word at any time: look at each once.
   */
  take(): number {
    const at = this.at(this.count);
    this.count = (this.count + 1) | 0;
    return at;
  }
}
