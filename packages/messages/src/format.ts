/**
 * The layout of a message, see `docs/values.md`. All numbers are little-endian and have 32 bits.
 *
 * ```text
 * 0   magic, kind, headLength, viewCount, bufferCount, nameLength, flags, requestNumber
 * 32  viewCount x   { type, offset, byteLength, buffer }
 *     bufferCount x { offset, byteLength }
 *     head: one or two values in the format of V8's serializer
 *     segments
 *     name, in UTF-8, at the very end
 * ```
 */
export const MAGIC = 0x31564650;
export const PREFIX_BYTES = 32;
export const VIEW_BYTES = 16;
export const BUFFER_BYTES = 8;

/** The segments' alignment: from {@link ALIGNED_FROM} bytes on a cache line, below that any type's. */
export const ALIGNMENT = 64;
export const ALIGNED_FROM = 64;
export const SMALL_ALIGNMENT = 8;

/** The longest name of a request, in bytes. */
export const MAX_NAME_BYTES = 256;

/** How deep a value may be nested: below what V8's serializer has stack for. */
export const MAX_DEPTH = 1000;

/** How many elements the arrays with holes of one message may claim, besides one for each 8 bytes of the message. */
export const HOLES = 64 * 1024;

/** What a message is. */
export const KIND = {
  message: 0,
  request: 1,
  answer: 2,
  failure: 3,
  noHandler: 4,
  givenUp: 5,
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

/** Where the number of a request is that may be given up, and of one that was. 0: none. */
export const REQUEST_NUMBER_AT = 28;

/** The head has a second value: what of the errors V8 leaves out. */
export const FLAG_ERRORS = 1;

/** The next multiple of a power of two. */
export function alignUp(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** What kind of message the bytes claim to be; `undefined` if they are too few. */
export function kindOf(bytes: Uint8Array): number | undefined {
  return wordOf(bytes, 4);
}

/** The number of a request by which it may be given up; 0 if it has none. */
export function requestNumberOf(bytes: Uint8Array): number {
  return wordOf(bytes, REQUEST_NUMBER_AT) ?? 0;
}

/** Whether the bytes claim to have views: their memory is what may be read in place. */
export function hasViews(bytes: Uint8Array): boolean {
  return (wordOf(bytes, 12) ?? 0) > 0;
}

function wordOf(bytes: Uint8Array, at: number): number | undefined {
  return bytes.length < PREFIX_BYTES ? undefined : wordAt(bytes, at);
}

/** The number at a place that the bytes have. */
export function wordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}

/** The message that a request was given up. It has a prefix, and nothing else. */
export function givenUpMessage(requestNumber: number): Uint8Array {
  const bytes = Buffer.alloc(PREFIX_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(KIND.givenUp, 4);
  bytes.writeUInt32LE(requestNumber, REQUEST_NUMBER_AT);
  return bytes;
}

/** Whether the bytes are such a message. */
export function isGivenUp(bytes: Uint8Array): boolean {
  return (
    bytes.length === PREFIX_BYTES && wordOf(bytes, 0) === MAGIC && wordOf(bytes, 4) === KIND.givenUp
  );
}
