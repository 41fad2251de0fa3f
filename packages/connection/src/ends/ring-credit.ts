/**
 * How many rings in a row may bring nothing new. An honest peer changes one of its counters before each;
 * at most one ring comes when its news were seen already.
 */
const MAX_EMPTY_RINGS = 64;

/**
 * Whether the peer's rings are worth a look. A peer that rings for ever and has changed nothing, or whose
 * doorbell cannot be silenced (no eventfd, or one that counts down), would keep this side busy at no cost to
 * itself.
 */
export class RingCredit {
  readonly #words: Int32Array;
  readonly #counters: readonly number[];
  #sumBefore = 0;
  #empty = 0;

  /** @param counters where the counters are that the peer publishes: they only grow. */
  constructor(words: Int32Array, counters: readonly number[]) {
    this.#words = words;
    this.#counters = counters;
  }

  /** To be called at each ring. False if there were too many that brought nothing. */
  isGood(): boolean {
    let sum = 0;
    for (const counter of this.#counters) sum = (sum + Atomics.load(this.#words, counter)) | 0;
    if (sum !== this.#sumBefore) {
      this.#sumBefore = sum;
      this.#empty = 0;
      return true;
    }
    return ++this.#empty <= MAX_EMPTY_RINGS;
  }
}
