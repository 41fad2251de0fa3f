import { type Entry, QueueConsumer, QueueProducer } from '@pageferry/connection';
import { DELIVERY, DELIVERY_ENTRY_WORDS } from '../layout.js';

/** In the claim word: the consumer has taken the entry. */
const TAKEN = -1;

/** In the claim word: the producer has taken the entry back. */
const DROPPED = -2;

/** An entry that is there to be taken has its number in the claim word, kept to 31 bits. */
const NUMBER_MASK = 0x7fffffff;

/**
 * The producing end of a queue whose producer can take entries back that the consumer has not taken:
 * a word in each entry goes to whoever is first to change it.
 */
export class ClaimableProducer extends QueueProducer {
  /** Entries ever put in; the number that the next one gets. */
  get next(): number {
    return this.count;
  }

  /**
   * Appends an entry and publishes it. The entry that was in its place must be taken or dropped.
   */
  override push(
    first: number,
    second: number,
    third: number,
    fourth: number,
    sequenceHigh = 0,
    tag = 0,
  ): void {
    const at = this.write(first, second, third, fourth);
    this.words[at + DELIVERY.sequenceHigh] = sequenceHigh;
    this.words[at + DELIVERY.tag] = tag;
    // The last word: a consumer that is one round behind sees that the entry is not its.
    Atomics.store(this.words, at + DELIVERY.claim, this.count & NUMBER_MASK);
    this.publish();
  }

  /** Takes entry `number` back. False if the consumer has taken it. */
  drop(number: number): boolean {
    const at = this.#claimWord(number);
    const expected = number & NUMBER_MASK;
    return Atomics.compareExchange(this.words, at, expected, DROPPED) === expected;
  }

  /** True if entry `number` was neither taken nor dropped. */
  waits(number: number): boolean {
    return Atomics.load(this.words, this.#claimWord(number)) === (number & NUMBER_MASK);
  }

  #claimWord(number: number): number {
    return this.at(number) + DELIVERY.claim;
  }
}

/** The consuming end of such a queue. */
export class ClaimableConsumer extends QueueConsumer {
  /**
   * Tells of a message, by the lower 32 bits of its number, whether it may still be taken: it waits, or is
   * yet to come. `undefined` if the producer is too quick to tell.
   */
  neededSequences(): ((sequence: number) => boolean) | undefined {
    const { words, counter, capacity } = this;
    const published = Atomics.load(words, counter);
    const last = Atomics.load(words, this.at(published - 1) + DELIVERY.sequence);
    const waiting = new Set<number>();
    for (let number = published - capacity; number !== published; number++) {
      const at = this.at(number);
      const sequence = Atomics.load(words, at + DELIVERY.sequence);
      const claim = Atomics.load(words, at + DELIVERY.claim);
      if (claim === (number & NUMBER_MASK)) waiting.add(sequence);
    }
    // The last entry's place gets another one when the producer has come round to it.
    if (((Atomics.load(words, counter) - published) | 0) >= capacity - 1) return undefined;
    return (sequence) => waiting.has(sequence) || ((sequence - last) | 0) > 0;
  }

  /**
   * Takes the next entry that was not dropped into `entry`.
   *
   * @param available how many entries wait, from 0 to 2^32 - 1: a consumer that stood still for long
   *   enough may have missed many more than there are places.
   * @returns false if none is left.
   */
  claim(entry: Entry, available: number): boolean {
    const { words, capacity } = this;
    let left = available;
    // Dropped entries may have made way for new ones before this side came to them.
    if (left > capacity) {
      this.count = (this.count + left - capacity) | 0;
      left = capacity;
    }
    for (; left > 0; left--) {
      const number = this.count & NUMBER_MASK;
      const at = this.take();
      if (Atomics.load(words, at + DELIVERY.claim) === number) {
        // Whole, and before it is taken: then the producer may use its place again.
        for (let word = 0; word < DELIVERY_ENTRY_WORDS; word++)
          entry[word] = words[at + word] as number;
        const before = Atomics.compareExchange(words, at + DELIVERY.claim, number, TAKEN);
        if (before === number) return true;
      }
    }
    return false;
  }
}
