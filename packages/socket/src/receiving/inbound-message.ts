import { type BufferPool, type InboundMessage as Contract, messageLost } from '@pageferry/core';
import type { ByteSource, Frame } from '../protocol/frame.js';

const NO_MEMORY = Buffer.alloc(0);

/**
 * A message that arrives. The part of it that is here and was not moved on lies in `memory` from
 * `start` to `end`; a message that is moved on by and by never has all of it in memory.
 */
export class InboundMessage implements Contract {
  readonly sequence: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly exchange: number;
  readonly #pool: BufferPool;
  #memory: Buffer<ArrayBuffer> = NO_MEMORY;
  /** Length of the memory: a program that kept a view of an earlier message can detach it. */
  #capacity = 0;
  #start = 0;
  #end = 0;
  #offset = 0;
  #shown: Buffer<ArrayBuffer> = NO_MEMORY;
  /** True while a part of it is being moved on. */
  moving = false;

  /**
   * @param pool where its memory comes from and goes back to.
   * @param frame that announces it; what it says was checked.
   */
  constructor(pool: BufferPool, { sequence, value, tag, exchange }: Frame) {
    this.#pool = pool;
    this.sequence = sequence;
    this.byteLength = value;
    this.tag = tag;
    this.exchange = exchange;
  }

  /** Bytes that were moved on. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes that were not moved on yet, here or still to come. */
  get rest(): number {
    return this.byteLength - this.#offset;
  }

  /** True if all of it has come. */
  get whole(): boolean {
    return this.#end - this.#start === this.rest;
  }

  /** Bytes that its memory can still take. */
  get room(): number {
    if (this.#memory.length !== this.#capacity) return 0;
    return Math.min(this.#memory.length - this.#end, this.rest - (this.#end - this.#start));
  }

  /** The memory that the next bytes belong into. */
  vacant(): Buffer<ArrayBuffer> {
    return this.#memory.subarray(this.#end, this.#end + this.room);
  }

  /**
   * What is here and was not moved on.
   *
   * @throws `BYTES_DETACHED`, each time, if it is lost.
   */
  get here(): Buffer<ArrayBuffer> {
    if (this.#memory.length !== this.#capacity) throw messageLost();
    return this.#memory.subarray(this.#start, this.#end);
  }

  /**
   * Sees to memory for `byteLength` more bytes, counted from the first that was not moved on, in one
   * piece. Copies what is here if that takes another buffer.
   *
   * @throws `SYSTEM_CALL_FAILED` when memory is short, `BYTES_DETACHED` if it is lost.
   */
  reserve(byteLength: number): void {
    const { here } = this;
    if (this.#capacity - this.#start >= byteLength) return;
    const larger = this.#pool.take(byteLength);
    here.copy(larger);
    this.#capacity = larger.length;
    // The old memory is not used again: the socket may have been told to read into it.
    this.#memory = larger;
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** Counts bytes in that were read to where they belong. Returns false if they were not. */
  takeInPlace(bytes: Buffer): boolean {
    const memory = this.#memory;
    if (bytes.buffer !== memory.buffer) return false;
    if (bytes.byteOffset !== memory.byteOffset + this.#end || bytes.length > this.room)
      return false;
    this.#end += bytes.length;
    return true;
  }

  /** Takes what belongs to it out of `source`, as far as there is room. */
  absorb(source: ByteSource): void {
    this.#end += source.take(this.#memory, this.#end, this.#end + this.room);
  }

  /** Counts bytes out that have moved on. */
  advance(byteLength: number): void {
    this.#offset += byteLength;
    this.#start += byteLength;
    if (this.#start < this.#end) return;
    this.#start = 0;
    this.#end = 0;
  }

  /** All that was not moved on, once it was {@link show}n. */
  get bytes(): Buffer<ArrayBuffer> {
    return this.#shown;
  }

  /** Has {@link bytes} be what is here: all that was not moved on. */
  show(): void {
    // Nobody else is shown an empty one: a program can detach it.
    this.#shown = this.rest === 0 ? Buffer.alloc(0) : this.here;
  }

  /** Gives its memory to the caller, who owes it to the pool. */
  takeMemory(): Buffer<ArrayBuffer> {
    const memory = this.#memory;
    this.#memory = NO_MEMORY;
    this.#capacity = 0;
    return memory;
  }
}
