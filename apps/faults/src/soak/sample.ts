import type { Possessions } from '../leftovers.js';

/** What the house has, and what it has done since the sample before. */
export interface Sample {
  /** Since the start, in seconds. */
  readonly at: number;
  /** Messages, questions and answers that were sent or received, in a second. */
  readonly rate: number;
  /** Messages that were left out for receivers that have asked for that, in a second. */
  readonly drops: number;
  /** The resident memory of the house's process, in bytes. */
  readonly rss: number;
  /** What JavaScript has in its heap, garbage included, in bytes. */
  readonly heap: number;
  readonly mappings: number;
  readonly descriptors: number;
}

/** Counts what is done, and tells how much that was in a second. */
export class Sampler {
  readonly #begun = performance.now();
  #last = this.#begun;
  #messages = 0;
  #drops = 0;
  #messagesBefore = 0;
  #dropsBefore = 0;

  /** So many more messages, and drops. */
  add(messages: number, drops = 0): void {
    this.#messages += messages;
    this.#drops += drops;
  }

  /** All messages until now. */
  get messages(): number {
    return this.#messages;
  }

  /** All drops until now. */
  get drops(): number {
    return this.#drops;
  }

  take({ mappings, descriptors }: Possessions): Sample {
    const now = performance.now();
    const seconds = (now - this.#last) / 1000;
    const { rss, heapUsed: heap } = process.memoryUsage();
    const sample: Sample = {
      at: hundredths((now - this.#begun) / 1000),
      rate: hundredths((this.#messages - this.#messagesBefore) / seconds),
      drops: hundredths((this.#drops - this.#dropsBefore) / seconds),
      rss,
      heap,
      mappings,
      descriptors,
    };
    this.#last = now;
    this.#messagesBefore = this.#messages;
    this.#dropsBefore = this.#drops;
    return sample;
  }
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
