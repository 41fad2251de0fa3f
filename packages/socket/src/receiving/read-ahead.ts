import { BufferPool } from '@pageferry/core';
import type { ByteSource } from '../protocol/frame.js';

const CHUNK_BYTES = 64 * 1024;

/** Less room than this at the end of a chunk is not worth a read of its own. */
const WORTH_READING = 16 * 1024;

interface Chunk {
  readonly memory: Buffer<ArrayBuffer>;
  /** What was not taken out yet lies from `start` to `end`. */
  start: number;
  end: number;
}

/** Bytes that have arrived before anybody asked for them, in the order in which they came. */
export class ReadAhead implements ByteSource {
  readonly #pool: BufferPool;
  /** The last one is where the socket may be reading to. */
  readonly #chunks: Chunk[] = [];
  #byteLength = 0;

  /** @param pool where its memory comes from and goes back to. Default: one of its own. */
  constructor(pool: BufferPool = new BufferPool(16 * CHUNK_BYTES)) {
    this.#pool = pool;
  }

  /** How many bytes are here. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Memory for the bytes that come next. Nobody may be reading into what this returned before. */
  vacant(): Buffer {
    let last = this.#chunks.at(-1);
    if (last !== undefined && last.start === last.end) {
      last.start = 0;
      last.end = 0;
    }
    if (last === undefined || last.memory.length - last.end < WORTH_READING) {
      last = { memory: this.#pool.take(CHUNK_BYTES), start: 0, end: 0 };
      this.#chunks.push(last);
    }
    return last.memory.subarray(last.end);
  }

  /** Adds bytes, which may have been read to where {@link vacant} said already. */
  add(bytes: Buffer): void {
    this.#byteLength += bytes.length;
    const last = this.#chunks.at(-1);
    if (last !== undefined && isInPlace(last, bytes)) {
      last.end += bytes.length;
      return;
    }
    for (let added = 0; added < bytes.length; ) {
      const copied = bytes.copy(this.vacant(), 0, added);
      (this.#chunks.at(-1) as Chunk).end += copied;
      added += copied;
    }
  }

  /** Gives back all memory, with what is in it. Only where nobody reads into what {@link vacant} returns. */
  clear(): void {
    for (const { memory } of this.#chunks) this.#pool.giveBack(memory);
    this.#chunks.length = 0;
    this.#byteLength = 0;
  }

  take(target: Buffer, offset: number, end: number): number {
    let position = offset;
    while (position < end && this.#byteLength > 0) {
      const first = this.#chunks[0] as Chunk;
      const copied = first.memory.copy(
        target,
        position,
        first.start,
        Math.min(first.end, first.start + end - position),
      );
      position += copied;
      first.start += copied;
      this.#byteLength -= copied;
      if (first.start === first.end && this.#chunks.length > 1) {
        this.#chunks.shift();
        this.#pool.giveBack(first.memory);
      }
    }
    return position - offset;
  }
}

function isInPlace({ memory, end }: Chunk, bytes: Buffer): boolean {
  return bytes.buffer === memory.buffer && bytes.byteOffset === memory.byteOffset + end;
}
