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
  readonly #progress: () => number;
  #before = 0;
  #empty = 0;

  /** @param progress a number that is another one whenever the peer has published something. */
  constructor(progress: () => number) {
    this.#progress = progress;
  }

  /** To be called at each ring. False if there were too many that brought nothing. */
  isGood(): boolean {
    const progress = this.#progress();
    if (progress !== this.#before) {
      this.#before = progress;
      this.#empty = 0;
      return true;
    }
    return ++this.#empty <= MAX_EMPTY_RINGS;
  }
}
