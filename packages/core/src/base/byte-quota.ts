/**
 * How much may be out at once, in bytes and in pieces. One piece that is larger than all of it may be out
 * alone: otherwise it could never be.
 */
export class ByteQuota {
  readonly #maxBytes: number;
  readonly #maxCount: number;
  #bytes = 0;
  #count = 0;

  /** @param maxCount how many pieces may be out. Default: any number. */
  constructor(maxBytes: number, maxCount: number = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
    this.#maxCount = maxCount;
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
    return this.#bytes === 0 || this.#bytes + byteLength <= this.#maxBytes;
  }

  /** A piece goes out. */
  add(byteLength: number): void {
    this.#bytes += byteLength;
    this.#count++;
  }

  /** A piece comes back. */
  remove(byteLength: number): void {
    this.#bytes -= byteLength;
    this.#count--;
  }
}

/** As {@link ByteQuota}, where a piece takes up more than its bytes: whole pages, say. */
export class OccupancyQuota extends ByteQuota {
  readonly #occupied: ByteQuota;
  readonly #sizeOf: (byteLength: number) => number;

  /** @param sizeOf what a piece of so many bytes takes up. */
  constructor(maxBytes: number, sizeOf: (byteLength: number) => number) {
    super(maxBytes);
    this.#occupied = new ByteQuota(maxBytes);
    this.#sizeOf = sizeOf;
  }

  override hasRoomFor(byteLength: number): boolean {
    return this.#occupied.hasRoomFor(this.#sizeOf(byteLength));
  }

  override add(byteLength: number): void {
    super.add(byteLength);
    this.#occupied.add(this.#sizeOf(byteLength));
  }

  override remove(byteLength: number): void {
    super.remove(byteLength);
    this.#occupied.remove(this.#sizeOf(byteLength));
  }
}
