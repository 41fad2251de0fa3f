/** A part of the payload memory, in bytes. */
export interface Range {
  readonly offset: number;
  readonly byteLength: number;
}

/**
 * Free parts of the payload memory that no slot is made of at present. Sorted, and never side by side:
 * neighbours are one range.
 */
export class Ranges {
  #ranges: Range[] = [];

  /** Bytes in all of them. */
  get byteLength(): number {
    return this.#ranges.reduce((sum, range) => sum + range.byteLength, 0);
  }

  /** Adds ranges; whatever touches becomes one. */
  add(added: readonly Range[]): void {
    const sorted = this.#ranges.concat(added).sort((one, other) => one.offset - other.offset);
    const merged: Range[] = [];
    for (const range of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && last.offset + last.byteLength === range.offset) {
        const byteLength = last.byteLength + range.byteLength;
        merged[merged.length - 1] = { offset: last.offset, byteLength };
      } else {
        merged.push(range);
      }
    }
    this.#ranges = merged;
  }

  /**
   * Takes `byteLength` bytes out of the smallest range that holds them.
   *
   * @param alignment the offset is a multiple of it.
   * @returns the offset, or -1 if there is no such range.
   */
  take(byteLength: number, alignment: number): number {
    let best = -1;
    let bestLength = Number.POSITIVE_INFINITY;
    for (const [index, range] of this.#ranges.entries()) {
      const start = alignUp(range.offset, alignment);
      const fits = start + byteLength <= range.offset + range.byteLength;
      if (fits && range.byteLength < bestLength) {
        best = index;
        bestLength = range.byteLength;
      }
    }
    const range = this.#ranges[best];
    if (range === undefined) return -1;
    const start = alignUp(range.offset, alignment);
    const end = range.offset + range.byteLength;
    const rests = [
      { offset: range.offset, byteLength: start - range.offset },
      { offset: start + byteLength, byteLength: end - start - byteLength },
    ].filter((rest) => rest.byteLength > 0);
    this.#ranges.splice(best, 1, ...rests);
    return start;
  }

  /** Takes away the range that ends at `end`, if there is one. Returns its offset, or `end`. */
  takeLast(end: number): number {
    const last = this.#ranges.at(-1);
    if (last === undefined || last.offset + last.byteLength !== end) return end;
    this.#ranges.pop();
    return last.offset;
  }
}

/** The next multiple of `alignment`, a power of two, from `offset` on. Exact beyond 2^32. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
