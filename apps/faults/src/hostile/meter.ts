/** Counts work apart by what a hostile peer is doing meanwhile. */
export class Meter {
  readonly #count: () => number;
  readonly #sums = { hostile: { count: 0, time: 0 }, quiet: { count: 0, time: 0 } };
  #phase: 'hostile' | 'quiet' | undefined;
  #since = { count: 0, time: 0 };

  /** @param count how much work has been done so far. */
  constructor(count: () => number) {
    this.#count = count;
  }

  /** From now on it is this; `undefined` is neither. */
  enter(phase: 'hostile' | 'quiet' | undefined): void {
    const now = { count: this.#count(), time: performance.now() };
    if (this.#phase !== undefined) {
      const sum = this.#sums[this.#phase];
      sum.count += now.count - this.#since.count;
      sum.time += now.time - this.#since.time;
    }
    this.#phase = phase;
    this.#since = now;
  }

  /** Work in a second, of each. */
  get rates(): { readonly hostile: number; readonly quiet: number } {
    const rate = ({ count, time }: { count: number; time: number }) =>
      time === 0 ? 0 : (count / time) * 1000;
    return { hostile: rate(this.#sums.hostile), quiet: rate(this.#sums.quiet) };
  }
}
