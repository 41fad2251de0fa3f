/**
 * Frames: what travels after the handshake, in both directions. Each is 24 bytes, little-endian:
 *
 * | bytes  | field                                                                                  |
 * |--------|----------------------------------------------------------------------------------------|
 * | 0..3   | kind                                                                                   |
 * | 4..7   | `message`: its length; `release`: how many messages; `more`, `credit`: how many bytes  |
 * | 8..15  | number of the message, or of the first one; `end`: of the one not to come              |
 * | 16..19 | `message`: the program's number for it                                                 |
 * | 20..23 | `message` of a channel: which request or answer it is                                  |
 *
 * Fields of which nothing is said are 0. Between a sender and a receiver a `message` frame is followed by the bytes
 * of the message; the sender says `message` and `end`, the receiver `release`. What both sides of a channel say is
 * in `channel.ts`.
 */
export const FRAME_BYTES = 24;

/** The largest value of the field in bytes 4..7. */
export const MAX_FRAME_VALUE = 2 ** 32 - 1;

/** Kinds of frame. */
export const FRAME = {
  /** A message begins. */
  message: 1,
  /** Nothing more will come, in good order. */
  end: 2,
  /** The receiver is done with a run of messages. */
  release: 3,
  /** More bytes of the message that has begun. Only on a channel. */
  more: 4,
  /** So many bytes of messages more may come. Only on a channel. */
  credit: 5,
} as const;

/** A frame as it was read. Nothing in it has been checked. */
export interface Frame {
  readonly kind: number;
  readonly value: number;
  readonly sequence: number;
  readonly tag: number;
  readonly exchange: number;
}

/** Bytes that were not read yet. */
export interface ByteSource {
  /** Takes bytes out into `target`, from `offset` to at most `end`. Returns how many. */
  take(target: Buffer, offset: number, end: number): number;
}

const HIGH = 2 ** 32;

/** Writes a frame to the {@link FRAME_BYTES} bytes of `target` from `offset` on. */
export function writeFrame(
  target: Buffer,
  offset: number,
  kind: number,
  value: number,
  sequence: number,
  tag = 0,
  exchange = 0,
): void {
  target.writeUInt32LE(kind, offset);
  target.writeUInt32LE(value, offset + 4);
  target.writeUInt32LE(sequence % HIGH, offset + 8);
  target.writeUInt32LE(Math.floor(sequence / HIGH), offset + 12);
  target.writeUInt32LE(tag, offset + 16);
  // Of an answer it has the number that the other side has chosen: with the top bit set it comes as a negative one.
  target.writeUInt32LE(exchange >>> 0, offset + 20);
}

/** Puts frames together, however the stream has cut them up. */
export class FrameReader {
  readonly #bytes = Buffer.alloc(FRAME_BYTES);
  #length = 0;

  /** Takes one frame out of `source`; `undefined` if that ends before the frame does. */
  read(source: ByteSource): Frame | undefined {
    this.#length += source.take(this.#bytes, this.#length, FRAME_BYTES);
    if (this.#length < FRAME_BYTES) return undefined;
    this.#length = 0;
    const bytes = this.#bytes;
    return {
      kind: bytes.readUInt32LE(0),
      value: bytes.readUInt32LE(4),
      sequence: bytes.readUInt32LE(8) + bytes.readUInt32LE(12) * HIGH,
      tag: bytes.readUInt32LE(16),
      exchange: bytes.readUInt32LE(20),
    };
  }
}

/** A buffer as a source. */
export class BufferSource implements ByteSource {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** How many bytes were taken out. */
  get position(): number {
    return this.#position;
  }

  /** Takes out as many as `most` bytes, without copying them. */
  view(most: number): Buffer {
    const start = this.#position;
    this.#position = Math.min(start + most, this.#bytes.length);
    return this.#bytes.subarray(start, this.#position);
  }

  take(target: Buffer, offset: number, end: number): number {
    const length = Math.min(end - offset, this.#bytes.length - this.#position);
    this.#bytes.copy(target, offset, this.#position, this.#position + length);
    this.#position += length;
    return length;
  }
}
