import type { Histogram } from '../contract/histograms.js';
import { clock } from '../waiting/clock.js';

/** How many bits a value has, from none to 32: so many buckets there are. */
const BUCKETS = 33;
const LAST = BUCKETS - 1;
const BOUNDS: readonly number[] = Object.freeze(
  Array.from({ length: BUCKETS }, (_, bits) => 2 ** bits - 1),
);

/** Counts values by their order of magnitude. */
export class Magnitudes {
  // Doubles: 32 bits would overflow within a day of small messages.
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** @param value not negative. What is behind the point is cut off. */
  add(value: number): void {
    const whole = Math.floor(value);
    const bucket = whole < 2 ** 32 ? 32 - Math.clz32(whole) : LAST;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    this.#sum += whole;
    if (whole > this.#max) this.#max = whole;
  }

  /** Notes how long it is since `start`, a value of {@link microseconds}. */
  addSince(start: number): void {
    this.add(Math.max(0, microseconds() - start));
  }

  snapshot(): Histogram {
    const counts = Array.from(this.#counts);
    return { bounds: BOUNDS, counts, count: this.#count, sum: this.#sum, max: this.#max };
  }
}

/** Microseconds since this process or thread began. */
export function microseconds(): number {
  return clock.now() * 1000;
}

/** One histogram of what several have counted. */
export function addedUp(histograms: readonly Histogram[]): Histogram {
  const counts = new Array<number>(BUCKETS).fill(0);
  const all = { bounds: BOUNDS, counts, count: 0, sum: 0, max: 0 };
  for (const each of histograms) {
    for (const [bucket, count] of each.counts.entries()) {
      counts[bucket] = (counts[bucket] as number) + count;
    }
    all.count += each.count;
    all.sum += each.sum;
    all.max = Math.max(all.max, each.max);
  }
  return all;
}
