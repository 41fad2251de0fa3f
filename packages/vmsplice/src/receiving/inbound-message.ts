import type { InboundMessage as Contract } from '@pageferry/core';
import type { PagePool, Slot } from '../memory/page-pool.js';
import type { Detour } from './detour.js';
import type { PayloadPipe } from './payload-pipe.js';

const NONE: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** A way to write some bytes, which answers how many it took. */
export type WriteBytes = (bytes: Uint8Array, offset: number, length: number) => Promise<number>;

/** What the delivery queue says of a message. */
export type Announcement = Pick<Contract, 'sequence' | 'byteLength' | 'tag' | 'exchange'>;

/**
 * A message that comes out of the pipe by and by: it owns how far it has come. Each byte is in the pipe,
 * then in between (in memory, if it takes that way), and then moved on, or handed over with all that are left.
 */
export class InboundMessage implements Contract {
  readonly sequence: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly exchange: number;
  readonly #pipe: PayloadPipe;
  #taken = 0;
  #teed = 0;
  #offset = 0;
  /** Where the bytes in between are, from `#start` to `#end`, and whom the memory goes back to. */
  #slot: Slot | undefined;
  #pool: PagePool | undefined;
  #start = 0;
  #end = 0;
  #shown = NONE;
  /** True once pages went on to where they may be referenced for longer than anybody can tell. */
  isReferenced = false;
  /** True once the sender was told that this side is done with it. */
  isReturned = false;

  constructor(pipe: PayloadPipe, { sequence, byteLength, tag, exchange = 0 }: Announcement) {
    this.#pipe = pipe;
    this.sequence = sequence;
    this.byteLength = byteLength;
    this.tag = tag;
    this.exchange = exchange;
  }

  /** Bytes that were taken out of the pipe. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes that are in the pipe, or have yet to come. */
  get untaken(): number {
    return this.byteLength - this.#taken;
  }

  /** Bytes that were moved on. */
  get offset(): number {
    return this.#offset;
  }

  /** All that was not moved on, once it was {@link show}n. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#shown;
  }

  /** Bytes in between: taken, and not moved on. */
  get carried(): number {
    return this.#end - this.#start;
  }

  /** As {@link PayloadPipe.available}. */
  available(least = 1): number {
    return this.#pipe.available(this, least);
  }

  /**
   * Sees to memory of `pool` for all that was not moved on, with what is in between at its beginning.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  reserve(pool: PagePool): void {
    const length = this.byteLength - this.#offset;
    if (this.#pool === pool && this.#start === 0 && this.#slot?.inner.length === length) return;
    this.#moveInto(pool, length);
  }

  /** Sees to memory of `pool` for the next `length` bytes at most, while nothing is in between. */
  reserveBuffer(pool: PagePool, length: number): void {
    this.#moveInto(pool, Math.min(length, this.untaken));
  }

  /**
   * Has {@link bytes} be all that was reserved, once it was taken whole.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  show(): void {
    if (this.#slot !== undefined) this.#shown = this.#slot.bytes;
  }

  /** Reads up to `length` bytes into the memory that was reserved. Returns false if there was no room. */
  read(length: number): boolean {
    const { inner } = this.#slot as Slot;
    const piece = Math.min(length, inner.length - this.#end);
    if (piece === 0) return false;
    const count = this.#pipe.read(this, inner, this.#end, piece);
    this.#taken += count;
    this.#end += count;
    return true;
  }

  /** Moves up to `length` bytes to `fd`. Returns how many; 0 if it has no room. */
  splice(fd: number, length: number): number {
    return this.#spliced(this.#pipe.splice(this, fd, length));
  }

  /** As {@link splice}, on libuv's thread pool, and through `detour` if there is one. */
  async spliceOnThread(fd: number, length: number, detour?: Detour): Promise<number> {
    return this.#spliced(await this.#pipe.spliceOnThread(this, fd, length, detour));
  }

  /**
   * Duplicates up to `length` bytes into the pipe `fd`, unless that was done before. Returns how many bytes may be
   * taken now.
   */
  tee(fd: number, length: number): number {
    // tee always begins at the front of the pipe: what it has duplicated must be taken first.
    if (this.#teed <= this.#taken) {
      if (length === 0) return 0;
      const count = this.#pipe.tee(fd, length);
      if (count > 0) this.isReferenced = true;
      this.#teed = this.#taken + count;
    }
    return Math.min(length, this.#teed - this.#taken);
  }

  /**
   * Writes what is in between, and was not duplicated into the second pipe, there by `write`, which answers how many
   * bytes it took. It stays where it is.
   *
   * @param write as in {@link writeCarried}.
   */
  async teeCarried(write: WriteBytes): Promise<void> {
    while (this.#slot !== undefined && this.#teed < this.#taken) {
      const from = Math.max(this.#teed, this.#offset);
      const at = this.#start + from - this.#offset;
      this.#teed = from + (await write(this.#slot.inner, at, this.#end - at));
    }
  }

  /**
   * Writes what is in between by `write`, which answers how many bytes it took, and moves on by as many. Frees the
   * memory once all is moved.
   *
   * @param write gets the memory, where to begin, and how many bytes there are.
   */
  async writeCarried(write: WriteBytes): Promise<void> {
    if (this.#slot === undefined) return;
    while (this.#start < this.#end) {
      const count = await write(this.#slot.inner, this.#start, this.#end - this.#start);
      this.#start += count;
      this.#offset += count;
    }
    this.free();
  }

  /** Gives its memory back. */
  free(): void {
    if (this.#slot !== undefined) this.#pool?.giveBack(this.#slot);
    this.#slot = undefined;
    this.#start = 0;
    this.#end = 0;
  }

  #moveInto(pool: PagePool, length: number): void {
    const slot = pool.take(length);
    if (slot === undefined) throw new Error('this pool has no limit, or the buffer is in use');
    const before = this.#slot?.inner.subarray(this.#start, this.#end) ?? NONE;
    slot.inner.set(before);
    this.free();
    this.#slot = slot;
    this.#pool = pool;
    this.#end = before.length;
  }

  #spliced(count: number): number {
    this.#taken += count;
    this.#offset += count;
    return count;
  }
}
