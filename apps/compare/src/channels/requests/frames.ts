import type { See } from '../channel.js';

/** What comes before each message in a stream: its length in bytes, little-endian. */
const PREFIX_BYTES = 4;

/** A message with its length before it, to be written at once and again and again. */
export interface Frame {
  /** What is written to the stream. */
  readonly bytes: Buffer;
  /** The part of it that is the message. */
  readonly message: Buffer;
}

/** A frame for messages of one length. */
export function frameFor(byteLength: number): Frame {
  const bytes = Buffer.alloc(PREFIX_BYTES + byteLength);
  bytes.writeUInt32LE(byteLength);
  return { bytes, message: bytes.subarray(PREFIX_BYTES) };
}

/** Finds the messages in a stream of frames. A message is seen in the parts in which it comes. */
export class FrameReader {
  readonly #see: See;
  readonly #complete: () => void;
  #prefixBytes = 0;
  #length = 0;
  #offset = 0;

  /** @param complete is called when all of a message was seen. */
  constructor(see: See, complete: () => void) {
    this.#see = see;
    this.#complete = complete;
  }

  take(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#prefixBytes < PREFIX_BYTES) {
        at = this.#readPrefix(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#length - this.#offset);
      this.#see(chunk, at, end, this.#offset);
      this.#offset += end - at;
      at = end;
      if (this.#offset < this.#length) return;
      this.#prefixBytes = 0;
      this.#length = 0;
      this.#offset = 0;
      this.#complete();
    }
  }

  /** Returns where the prefix ends, as far as it is here. */
  #readPrefix(chunk: Buffer, at: number): number {
    // Mostly it is here as a whole.
    if (this.#prefixBytes === 0 && chunk.length - at >= PREFIX_BYTES) {
      this.#length = chunk.readUInt32LE(at);
      this.#prefixBytes = PREFIX_BYTES;
      return at + PREFIX_BYTES;
    }
    this.#length += (chunk[at] as number) * 2 ** (8 * this.#prefixBytes);
    this.#prefixBytes++;
    return at + 1;
  }
}
