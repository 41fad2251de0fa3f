import type { Bytes } from '@pageferry/core';

/**
 * What the two sides of a channel tell each other about the streams that share it. A frame is a message; kind, and which
 * stream it is about, are in its tag, so that payload has no header and is what was written.
 *
 * @packageDocumentation
 */

/** Kinds of frames. */
export const FRAME = {
  /** A new stream. Payload: a {@link Opening}, as JSON. */
  OPEN: 0,
  /** Bytes, or in object mode one message. */
  DATA: 1,
  /** The end of what this side writes to the stream. */
  END: 2,
  /** The stream is given up. Payload: an error as the core encodes it, or nothing. */
  RESET: 3,
  /** The other side may send so many bytes more. Payload: 32 bits, little endian. */
  CREDIT: 4,
} as const;

/** What a frame OPEN tells. */
export interface Opening {
  readonly name: string;
  readonly metadata?: unknown;
  /** One chunk is one message. */
  readonly objectMode?: boolean;
  /** False: who has opened it does not write. */
  readonly writes?: boolean;
  /** False: who has opened it does not read. */
  readonly reads?: boolean;
}

/** How many streams a side may have opened before a number is used again. */
export const NUMBERS = 2 ** 28;

/** Bytes that each side may send of a stream before it gets any credit. */
export const INITIAL_WINDOW = 64 * 1024;

/** Most bytes of a frame OPEN or RESET. */
export const LONGEST_TEXT = 64 * 1024;

/** Which stream, from the point of view of whoever looks at it. */
export interface StreamKey {
  /** Counted by the side that has opened it. */
  readonly number: number;
  /** True for a stream that this side has opened. */
  readonly isOurs: boolean;
}

/** The tag of a frame that this side sends: kind in 3 bits, who has opened the stream in one, its number in 28. */
export function tagOf(kind: number, { number, isOurs }: StreamKey): number {
  return number * 16 + (isOurs ? 8 : 0) + kind;
}

/** What the tag of a frame that came says. What the sender calls its own is not ours. */
export function readTag(tag: number): StreamKey & { readonly kind: number } {
  return { kind: tag & 7, isOurs: (tag & 8) === 0, number: Math.floor(tag / 16) };
}

/** A key as a number, for a map. */
export function indexOf({ number, isOurs }: StreamKey): number {
  return number * 2 + (isOurs ? 1 : 0);
}

/** @throws a SyntaxError or a TypeError for what no side of this package sends. */
export function readOpening(bytes: Uint8Array): Opening {
  if (bytes.length > LONGEST_TEXT) throw new TypeError('too long');
  const opening = JSON.parse(Buffer.from(bytes).toString()) as Opening;
  const { name, objectMode = false, writes = true, reads = true } = opening;
  if (typeof name !== 'string') throw new TypeError('no name');
  for (const flag of [objectMode, writes, reads]) {
    if (typeof flag !== 'boolean') throw new TypeError('a flag that is none');
  }
  return { name, metadata: opening.metadata, objectMode, writes, reads };
}

/** The payload of a frame CREDIT. */
export function creditBytes(count: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, count, true);
  return bytes;
}

/** The other way round; `undefined` for what is no credit. */
export function readCredit(bytes: Uint8Array): number | undefined {
  if (bytes.length !== 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}
