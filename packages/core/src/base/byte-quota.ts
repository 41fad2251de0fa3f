/**
 * How much may be out at once, in bytes and in pieces. One piece that is larger than all of it may be out
 * alone: otherwise it could never be.
 */
export class ByteQuota {
  readonly #maxBytes: number;
  readonly #maxCount: number;
  readonly #sizeOf: ((byteLength: number) => number) | undefined;
  #bytes = 0;
  #count = 0;
  /** What the pieces that are out take up, in bytes. */
  #occupied = 0;

  /**
   * @param maxCount how many pieces may be out. Default: any number.
   * @param sizeOf what a piece of so many bytes takes up. Default: just as many.
   */
  constructor(
    maxBytes: number,
    maxCount: number = Number.POSITIVE_INFINITY,
    sizeOf?: (byteLength: number) => number,
  ) {
    this.#maxBytes = maxBytes;
    this.#maxCount = maxCount;
    this.#sizeOf = sizeOf;
  }

  /** Bytes that are out. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Pieces that are out. */
  get count(): number {
    return this.#count;
  }

  /** True if not a single piece more may go out, whatever its size. */
  get isFull(): boolean {
    return this.#count >= this.#maxCount;
  }

  /** Whether there is room for a piece of so many bytes, however many pieces are out. See {@link isFull}. */
  hasRoomFor(byteLength: number): boolean {
    return this.#occupied === 0 || this.#occupied + this.#size(byteLength) <= this.#maxBytes;
  }

  /** A piece goes out. */
  add(byteLength: number): void {
    this.#bytes += byteLength;
    this.#occupied += this.#size(byteLength);
    this.#count++;
  }

  /** A piece comes back. */
  remove(byteLength: number): void {
    this.#bytes -= byteLength;
    this.#occupied -= this.#size(byteLength);
    this.#count--;
  }

  #size(byteLength: number): number {
    return this.#sizeOf === undefined ? byteLength : this.#sizeOf(byteLength);
  }
}
