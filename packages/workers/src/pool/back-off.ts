/** How long to wait before the next start, by how many in a row have led to nothing. */
export class BackOffCounter {
  readonly #first: number;
  readonly #longest: number;
  #failures = 0;

  constructor(first: number, longest: number) {
    this.#first = first;
    this.#longest = longest;
  }

  /** True while the last start has led to nothing yet, and the one before neither. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** A worker has died, or did not start. */
  failed(): void {
    this.#failures++;
  }

  /** A task was done. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** In milliseconds. The first start after a death does not wait. */
  get pause(): number {
    if (this.#failures <= 1) return 0;
    return Math.min(this.#longest, this.#first * 2 ** (this.#failures - 2));
  }
}
