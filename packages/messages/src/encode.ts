import { Serializer } from 'node:v8';
import { lengthOfBuffer, PageferryError } from '@pageferry/core';
import { checkHead } from './check-head.js';
import {
  ALIGNMENT,
  alignUp,
  BUFFER_BYTES,
  FLAG_ERRORS,
  KIND,
  type Kind,
  MAGIC,
  MAX_NAME_BYTES,
  PREFIX_BYTES,
  REQUEST_NUMBER_AT,
  VIEW_BYTES,
} from './format.js';
import { encodedName } from './names.js';
import type { Segments } from './segments.js';
import { notCloneable, survey } from './survey.js';
import { ViewEntries, type ViewEntry } from './view-entries.js';
import { writePlain } from './write-plain.js';

/** Where what lies before the segments is put together, if it is short: it is copied at once then. */
const front = Buffer.alloc(1024);
const frontWords = wordsOf(front);

/** How a value is encoded. */
export interface EncodeOptions {
  readonly kind?: Kind;
  /** The name of a request. */
  readonly name?: string;
  /** By which a request may be given up. */
  readonly requestNumber?: number;
  /** Leave room for the longest name. */
  readonly withRoomForName?: boolean;
  /** Take what `shared` returns, and lay it out. */
  readonly takesPlaceholders?: boolean;
}

/** A value, ready to be written into memory of its length. It refers to the value's buffers until then. */
export interface Encoded {
  /** The whole length, in bytes. */
  readonly byteLength: number;
  /** How long the message is without the room for a name. */
  readonly usedBytes: number;
  /** Writes all of it; what is to be filled in place is left as it is. @throws `NOT_CLONEABLE` if a buffer is not there any more. */
  writeTo(bytes: Uint8Array): void;
}

/**
 * Finds out whether this runtime can encode values at all.
 *
 * @throws `NOT_SUPPORTED`
 */
export function checkSerializer(): void {
  try {
    new ValueSerializer(new ViewEntries(false));
  } catch (cause) {
    const words = 'this runtime cannot write values as V8 does (the Serializer of node:v8)';
    throw new PageferryError('NOT_SUPPORTED', words, { cause });
  }
}

/**
 * Encodes a value.
 *
 * @throws `NOT_CLONEABLE`, `INVALID_ARGUMENT`, and what a getter of the value throws.
 */
export function encode(value: unknown, options: EncodeOptions = {}): Encoded {
  const takesPlaceholders = options.takesPlaceholders === true;
  const views = new ViewEntries(takesPlaceholders);
  const head = writePlain(value, views);
  if (head !== undefined) return new Layout({ head, raw: [], views, hasErrors: false }, options);
  return encodeByV8(value, new ViewEntries(takesPlaceholders), options);
}

function encodeByV8(value: unknown, views: ViewEntries, options: EncodeOptions): Encoded {
  const { errors, buffers } = survey(value);
  const serializer = new ValueSerializer(views);
  serializer.writeHeader();
  const raw = [...buffers];
  for (const [id, buffer] of raw.entries()) serializer.takeBuffer(id, buffer);
  write(serializer, value);
  const hasErrors = errors.length > 0;
  if (hasErrors) write(serializer, errors);
  const head = serializer.releaseBuffer();
  const layout = new Layout({ head, raw, views, hasErrors }, options);
  try {
    checkHead(head, hasErrors ? 2 : 1, layout.usedBytes);
  } catch (error) {
    // Rather here than at the other side.
    throw notCloneable(`this value (${(error as Error).message})`, '', error);
  }
  return layout;
}

function write(serializer: Serializer, value: unknown): void {
  try {
    serializer.writeValue(value);
  } catch (error) {
    if (!(error instanceof DataCloneFailure)) throw error;
    throw notCloneable(error.message, '', error);
  }
}

class DataCloneFailure extends Error {}

class ValueSerializer extends Serializer {
  readonly #views: ViewEntries;

  constructor(views: ViewEntries) {
    super();
    this.#views = views;
    const own = this as unknown as Record<string, unknown>;
    own['_getDataCloneError'] = (message: string) => new DataCloneFailure(message);
    own['_getSharedArrayBufferId'] = () => {
      throw new DataCloneFailure('a SharedArrayBuffer');
    };
    // V8 has its own way with views, in which each has a buffer of its own.
    const treat = own['_setTreatArrayBufferViewsAsHostObjects'] as (on: boolean) => void;
    treat.call(this, true);
  }

  /** Lays out a buffer that is itself part of the value. */
  takeBuffer(id: number, buffer: ArrayBuffer): void {
    this.transferArrayBuffer(id, buffer);
    this.#views.segments.add(buffer, 0, lengthOfBuffer(buffer));
  }

  /** Called by V8 for each view, once. */
  _writeHostObject(object: object): void {
    const number = ArrayBuffer.isView(object) ? this.#views.add(object) : undefined;
    if (number === undefined) throw new DataCloneFailure(`${object.constructor?.name}, native,`);
    this.writeUint32(number);
  }
}

/** What a message consists of. */
interface Parts {
  readonly head: Uint8Array;
  /** The buffers that are themselves part of the value. */
  readonly raw: readonly ArrayBuffer[];
  readonly views: ViewEntries;
  readonly hasErrors: boolean;
}

/** Where everything lies. */
class Layout implements Encoded {
  readonly byteLength: number;
  readonly usedBytes: number;
  readonly #head: Uint8Array;
  readonly #raw: readonly ArrayBuffer[];
  readonly #views: readonly ViewEntry[];
  readonly #segments: Segments;
  readonly #hasErrors: boolean;
  readonly #kind: Kind;
  readonly #name: Uint8Array;
  readonly #firstSegment: number;
  readonly #requestNumber: number;

  constructor(
    { head, raw, views, hasErrors }: Parts,
    { kind = KIND.message, name = '', requestNumber = 0, withRoomForName = false }: EncodeOptions,
  ) {
    views.segments.place();
    this.#head = head;
    this.#raw = raw;
    this.#views = views.all;
    this.#segments = views.segments;
    this.#hasErrors = hasErrors;
    this.#kind = kind;
    this.#requestNumber = requestNumber;
    this.#name = encodedName(name);
    const tables = views.all.length * VIEW_BYTES + raw.length * BUFFER_BYTES;
    const headEnd = PREFIX_BYTES + tables + head.length;
    // An empty view has a place, too.
    const isFlat = views.all.length + raw.length === 0;
    this.#firstSegment = isFlat ? headEnd : alignUp(headEnd, ALIGNMENT);
    this.usedBytes = this.#firstSegment + views.segments.byteLength;
    this.byteLength = this.usedBytes + (withRoomForName ? MAX_NAME_BYTES : this.#name.length);
  }

  writeTo(bytes: Uint8Array): void {
    if (this.#firstSegment > front.length) this.#writeFront(bytes, wordsOf(bytes));
    else {
      this.#writeFront(front, frontWords);
      front.copy(bytes, 0, 0, this.#firstSegment);
    }
    this.#segments.copyTo(bytes, this.#firstSegment);
    if (this.#name.length > 0) bytes.set(this.#name, this.usedBytes);
  }

  /** What lies before the segments. */
  #writeFront(target: Uint8Array, words: DataView): void {
    let at = PREFIX_BYTES;
    words.setUint32(0, MAGIC, true);
    words.setUint32(4, this.#kind, true);
    words.setUint32(8, this.#head.length, true);
    words.setUint32(12, this.#views.length, true);
    words.setUint32(16, this.#raw.length, true);
    words.setUint32(20, this.#name.length, true);
    words.setUint32(24, this.#hasErrors ? FLAG_ERRORS : 0, true);
    words.setUint32(REQUEST_NUMBER_AT, this.#requestNumber, true);
    for (const each of this.#views) {
      const number = this.#raw.indexOf(each.buffer as ArrayBuffer) + 1;
      words.setUint32(at, each.type, true);
      words.setUint32(at + 4, this.#positionOf(each), true);
      words.setUint32(at + 8, each.byteLength, true);
      words.setUint32(at + 12, number, true);
      at += VIEW_BYTES;
    }
    for (const buffer of this.#raw) {
      const byteLength = lengthOfBuffer(buffer);
      const position = this.#segments.positionOf(buffer, 0, byteLength);
      words.setUint32(at, this.#firstSegment + position, true);
      words.setUint32(at + 4, byteLength, true);
      at += BUFFER_BYTES;
    }
    target.set(this.#head, at);
    // Fewer than a call of `fill` pays for.
    for (at += this.#head.length; at < this.#firstSegment; at++) target[at] = 0;
  }

  #positionOf({ buffer, byteOffset, byteLength, placeholder }: ViewEntry): number {
    if (placeholder !== undefined) return this.#firstSegment + placeholder.position;
    return (
      this.#firstSegment + this.#segments.positionOf(buffer, byteOffset, byteOffset + byteLength)
    );
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** What a composed message becomes. */
export interface Identity {
  readonly kind: Kind;
  /** Of a request; otherwise empty. */
  readonly name: string;
  /** By which a request may be given up. */
  readonly requestNumber?: number;
}

/**
 * Makes a message that was encoded with room for a name a request, or a message.
 *
 * @returns how long it is now.
 */
export function rename(
  bytes: Uint8Array,
  usedBytes: number,
  { kind, name, requestNumber = 0 }: Identity,
): number {
  const encoded = encodedName(name);
  const words = wordsOf(bytes);
  words.setUint32(4, kind, true);
  words.setUint32(20, encoded.length, true);
  words.setUint32(REQUEST_NUMBER_AT, requestNumber, true);
  bytes.set(encoded, usedBytes);
  return usedBytes + encoded.length;
}

/**
 * An error as a message. Of one that cannot be cloned, or whose getters throw, the name, the message, the code and the stack
 * travel, as far as they are texts.
 */
export function encodeFailure(error: unknown): Encoded {
  try {
    return encode(error, { kind: KIND.failure });
  } catch {
    const plain = new Error(textOf(error, 'message') ?? 'an error without a message');
    for (const key of ['stack', 'name', 'code']) {
      const text = textOf(error, key);
      if (text !== undefined) Object.assign(plain, { [key]: text });
    }
    return encode(plain, { kind: KIND.failure });
  }
}

function textOf(error: unknown, key: string): string | undefined {
  try {
    const text = (Object(error) as Readonly<Record<string, unknown>>)[key];
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}
