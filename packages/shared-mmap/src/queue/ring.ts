import {
  DELIVERY_WORDS,
  type DeliverySource,
  isCutOff,
  keepOrder,
  loadFromReadOnly,
  loadInOrder,
} from '@pageferry/connection';
import { DELIVERY, RING, SENDER_WORDS } from '../layout.js';
import type { RingMemory } from '../memory/ring-memory.js';

/**
 * The publishing end of a ring: every message is one entry and one counter, whatever the number of receivers.
 * It does not know whether somebody has still to take the entry that it writes over: its owner does.
 */
export class RingProducer {
  readonly words: Int32Array;
  /** Which bits of a number tell its place. */
  protected readonly mask: number;
  /** The number of the next message, in two halves. */
  #low: number;
  #high: number;
  #hasBarrier = true;
  #isCorked = false;
  /** True if a plain store of the counter is all that is needed. */
  #isPlain = false;

  /** @param next the number of the next message. */
  constructor({ words, capacity }: Pick<RingMemory, 'words' | 'capacity'>, next = 0) {
    this.words = words;
    this.mask = capacity - 1;
    this.#low = next | 0;
    this.#high = Math.floor(next / 2 ** 32);
    Atomics.store(words, RING.published, this.#low);
  }

  /** Publishes the next message. Whatever was stored before is seen before. */
  push(byteLength: number, place: number, slotId: number, tag: number, exchange = 0): void {
    const { words } = this;
    const low = this.#low;
    // Kept to 32 bits step by step: otherwise V8 checks each sum.
    const at = (RING.entries + (low & this.mask) * DELIVERY_WORDS) | 0;
    // First: who still reads the entry that was here reads this last.
    words[(at + DELIVERY.sequence) | 0] = low;
    keepOrder();
    words[(at + DELIVERY.byteLength) | 0] = byteLength;
    words[(at + DELIVERY.place) | 0] = place;
    words[(at + DELIVERY.slotId) | 0] = slotId;
    words[(at + DELIVERY.sequenceHigh) | 0] = this.#high;
    words[(at + DELIVERY.tag) | 0] = tag;
    words[(at + DELIVERY.exchange) | 0] = exchange;
    const next = (low + 1) | 0;
    this.#low = next;
    if (next === 0) this.#high++;
    if (this.#isPlain) words[RING.published] = next;
    else if (!this.#isCorked) Atomics.store(words, RING.published, next);
  }

  /** From now on nobody sees what is published. */
  cork(): void {
    this.#isCorked = true;
    this.#isPlain = false;
  }

  /** What was published is seen, and what is published from now on. Returns whether anything was. */
  uncork(): boolean {
    this.#isCorked = false;
    this.#isPlain = !this.#hasBarrier;
    if (this.words[RING.published] === this.#low) return false;
    Atomics.store(this.words, RING.published, this.#low);
    return true;
  }

  /**
   * Whether a full barrier follows the store of the counter. Not needed where everybody who parks sees to it
   * that this side's stores are seen (membarrier(2)).
   */
  set barrier(on: boolean) {
    this.#hasBarrier = on;
    this.#isPlain = !on && !this.#isCorked;
  }
}

/** The reading end of a ring, which belongs to the sender: this side writes nothing to it. */
export class RingConsumer implements DeliverySource {
  readonly words: Int32Array;
  readonly capacity: number;
  /** The control memory of the connection. */
  readonly #control: Int32Array;
  readonly #mask: number;
  /** The lower 32 bits of the number of the message to be taken next. */
  #next: number;
  /** How far the sender had published, when that was last looked at. */
  #seen: number;
  #stopped = false;

  /** @param next the number of the first message to be taken. */
  constructor(
    { words, capacity }: Pick<RingMemory, 'words' | 'capacity'>,
    control: Int32Array,
    next: number,
  ) {
    this.words = words;
    this.capacity = capacity;
    this.#control = control;
    this.#mask = capacity - 1;
    this.#next = next | 0;
    this.#seen = this.#next;
  }

  available(): number {
    const published = loadFromReadOnly(this.words, RING.published);
    // Afterwards: a sender says that it has cut this side off before it publishes what it does not keep for it.
    if (isCutOff(this.#control)) this.stop();
    this.#seen = this.#stopped ? this.#next : this.#limit(published);
    return (this.#seen - this.#next) | 0;
  }

  /** The cache line that the counter lies in travels from one processor to the other at each look. */
  known(): number {
    const known = (this.#seen - this.#next) | 0;
    return known === 0 ? this.available() : known;
  }

  stop(): void {
    this.#stopped = true;
    this.#seen = this.#next;
  }

  /** Where the next entry lies in `words`. */
  get at(): number {
    return RING.entries + (this.#next & this.#mask) * DELIVERY_WORDS;
  }

  /**
   * True if the entry at `at` is the next one, and nothing of it was written over until now. To be asked after
   * all else in it was read.
   */
  isWhole(at: number): boolean {
    keepOrder();
    return this.words[at + DELIVERY.sequence] === this.#next;
  }

  /** Goes past the next entry. */
  pass(): void {
    this.#next = (this.#next + 1) | 0;
  }

  /** Tells of a message, by the lower 32 bits of its number, whether it may still be taken. */
  neededSequences(): (sequence: number) => boolean {
    const next = this.#next;
    return (sequence) => ((sequence - next) | 0) >= 0;
  }

  #limit(published: number): number {
    const control = this.#control;
    if (loadInOrder(control, SENDER_WORDS.ringIsLimited) !== 1) return published;
    const limit = Atomics.load(control, SENDER_WORDS.ringLimit);
    const isNearer = ((limit - this.#next) | 0) < ((published - this.#next) | 0);
    return isNearer ? limit : published;
  }
}
