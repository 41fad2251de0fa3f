import {
  type BufferPool,
  type InboundMessage as Contract,
  messageLost,
  type OwnBuffer,
} from '@pageferry/core';
import type { Piece } from '../protocol/piece.js';

const NO_MEMORY = Buffer.alloc(0);

/** A message that arrives. What of it was taken in and not moved on lies in memory of its own. */
export class InboundMessage implements Contract {
  readonly sequence: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly #pool: BufferPool;
  #memory: OwnBuffer = NO_MEMORY;
  /** Length of the memory: a program that kept a view of an earlier message can detach it. */
  #capacity = 0;
  /** Which byte of the message lies at the start of the memory. */
  #base = 0;
  #filled = 0;
  #offset = 0;
  #shown: OwnBuffer = NO_MEMORY;
  /** True while a part of it is being moved on. */
  moving = false;
  /** Numbers in the stream of pieces that were taken in, and are acknowledged with the last one. */
  readonly pieces: number[] = [];
  /** Number in the stream of its last piece, once that was taken in: then it is whole. */
  final: number | undefined;

  /** @param pool where its memory comes from and goes back to. */
  constructor(
    pool: BufferPool,
    { sequence, byteLength, tag }: Pick<Piece, 'sequence' | 'byteLength' | 'tag'>,
  ) {
    this.#pool = pool;
    this.sequence = sequence;
    this.byteLength = byteLength;
    this.tag = tag;
  }

  /** Bytes that were moved on. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes that were taken in, from the beginning. */
  get filled(): number {
    return this.#filled;
  }

  /**
   * What was taken in and not moved on.
   *
   * @throws `BYTES_DETACHED`, each time, if it is lost.
   */
  get here(): OwnBuffer {
    if (this.#memory.length !== this.#capacity) throw messageLost();
    return this.#memory.subarray(this.#offset - this.#base, this.#filled - this.#base);
  }

  /**
   * Takes bytes in.
   *
   * @param most how much memory to take before the bytes are here; beyond that it grows with them.
   * @throws `SYSTEM_CALL_FAILED` when memory is short, `BYTES_DETACHED`.
   */
  add(bytes: Uint8Array, most: number): void {
    const needed = this.#filled - this.#offset + bytes.length;
    if (this.#capacity < this.#filled - this.#base + bytes.length) {
      this.#grow(Math.min(this.byteLength - this.#offset, Math.max(most, 2 * needed)));
    }
    if (this.#memory.length !== this.#capacity) throw messageLost();
    this.#memory.set(bytes, this.#filled - this.#base);
    this.#filled += bytes.length;
  }

  /** Counts bytes that were taken in and have moved on. */
  advance(byteLength: number): void {
    this.#offset += byteLength;
  }

  /** Counts bytes that have moved on without being taken in: only if all that was taken in has moved on. */
  pass(byteLength: number): void {
    this.#filled += byteLength;
    this.#offset += byteLength;
    this.#base = this.#offset;
  }

  get bytes(): OwnBuffer {
    return this.#shown;
  }

  /** Has {@link bytes} be what is here: all that was not moved on. */
  show(): void {
    // Nobody else is shown an empty one: a program can detach it.
    this.#shown = this.#filled === this.#offset ? Buffer.alloc(0) : this.here;
  }

  /** Gives its memory back. */
  free(): void {
    if (this.#memory !== NO_MEMORY) this.#pool.giveBack(this.#memory);
    this.#memory = NO_MEMORY;
    this.#capacity = 0;
  }

  #grow(byteLength: number): void {
    const larger = this.#pool.take(Math.max(byteLength, 1));
    const { here } = this;
    here.copy(larger);
    this.free();
    this.#memory = larger;
    this.#capacity = larger.length;
    this.#base = this.#offset;
  }
}
