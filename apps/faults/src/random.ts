import { createHash } from 'node:crypto';

/** Numbers that look random, and are the same for the same words (mulberry32, begun by a hash of them). */
export class Random {
  #state: number;

  /** @param words what the numbers depend on: the seed of the run, the case, the number of the round. */
  constructor(...words: readonly (string | number)[]) {
    this.#state = createHash('sha256').update(words.join(' ')).digest().readInt32LE();
  }

  /** An integer from 0 to `end`, not including it. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  /** One of `values`, of which there is at least one. */
  oneOf<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
}
