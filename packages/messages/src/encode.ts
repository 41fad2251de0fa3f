import { Serializer } from 'node:v8';
import { invalidArgument, isPageferryError, PageferryError } from '@pageferry/core';
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
  VIEW_BYTES,
} from './format.js';
import { type Segment, Segments } from './segments.js';
import { bytesOfPlaceholder } from './shared.js';
import { notCloneable, survey } from './survey.js';
import { viewTypeOf } from './view-types.js';

/** How a value is encoded. */
export interface EncodeOptions {
  readonly kind?: Kind;
  /** The name of a request. */
  readonly name?: string;
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
  /** Writes all of it; what is to be filled in place is left as it is. */
  writeTo(bytes: Uint8Array): void;
}

interface ViewEntry {
  readonly type: number;
  readonly view: ArrayBufferView;
  readonly byteLength: number;
  readonly placeholder: Segment | undefined;
}

/**
 * Finds out whether this runtime can encode values at all.
 *
 * @throws `NOT_SUPPORTED`
 */
export function checkSerializer(): void {
  try {
    new ValueSerializer(false);
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
  const { errors, buffers } = survey(value);
  const serializer = new ValueSerializer(options.takesPlaceholders === true);
  serializer.writeHeader();
  const raw = [...buffers];
  for (const [id, buffer] of raw.entries()) serializer.takeBuffer(id, buffer);
  write(serializer, value);
  if (errors.length > 0) write(serializer, errors);
  const head = serializer.releaseBuffer();
  const layout = new Layout(head, raw, serializer, errors.length > 0, options);
  try {
    checkHead(head, errors.length > 0 ? 2 : 1, layout.usedBytes);
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
  readonly views: ViewEntry[] = [];
  readonly segments = new Segments();
  readonly #takesPlaceholders: boolean;

  constructor(takesPlaceholders: boolean) {
    super();
    this.#takesPlaceholders = takesPlaceholders;
    const own = this as unknown as Record<string, unknown>;
    own['_getDataCloneError'] = (message: string) => new DataCloneFailure(message);
    // V8 has its own way with views, in which each has a buffer of its own.
    const treat = own['_setTreatArrayBufferViewsAsHostObjects'] as (on: boolean) => void;
    treat.call(this, true);
  }

  /** Lays out a buffer that is itself part of the value. */
  takeBuffer(id: number, buffer: ArrayBuffer): void {
    this.transferArrayBuffer(id, buffer);
    this.segments.add(buffer, 0, buffer.byteLength);
  }

  /** Called by V8 for each view, once. */
  _writeHostObject(object: object): void {
    const type = ArrayBuffer.isView(object) ? viewTypeOf(object) : undefined;
    if (type === undefined) throw new DataCloneFailure(`${object.constructor?.name}, native,`);
    const view = object as ArrayBufferView;
    const length = bytesOfPlaceholder(view);
    this.writeUint32(this.views.length);
    if (length === undefined) {
      const { buffer, byteOffset, byteLength } = view;
      this.views.push({ type, view, byteLength, placeholder: undefined });
      this.segments.add(buffer, byteOffset, byteOffset + byteLength);
      return;
    }
    if (!this.#takesPlaceholders) {
      throw invalidArgument('value', view, 'composed, as it has shared() in it');
    }
    const placeholder = this.segments.addPlaceholder(length);
    this.views.push({ type, view, byteLength: length, placeholder });
  }
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

  constructor(
    head: Uint8Array,
    raw: readonly ArrayBuffer[],
    { views, segments }: ValueSerializer,
    hasErrors: boolean,
    { kind = KIND.message, name = '', withRoomForName = false }: EncodeOptions,
  ) {
    segments.place();
    this.#head = head;
    this.#raw = raw;
    this.#views = views;
    this.#segments = segments;
    this.#hasErrors = hasErrors;
    this.#kind = kind;
    this.#name = Buffer.from(name);
    const tables = views.length * VIEW_BYTES + raw.length * BUFFER_BYTES;
    const headEnd = PREFIX_BYTES + tables + head.length;
    // An empty view has a place, too.
    const isFlat = views.length + raw.length === 0;
    this.#firstSegment = isFlat ? headEnd : alignUp(headEnd, ALIGNMENT);
    this.usedBytes = this.#firstSegment + segments.byteLength;
    this.byteLength = this.usedBytes + (withRoomForName ? MAX_NAME_BYTES : this.#name.length);
  }

  writeTo(bytes: Uint8Array): void {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    const put = (...numbers: number[]): void => {
      for (const each of numbers) {
        words.setUint32(at, each, true);
        at += 4;
      }
    };
    put(MAGIC, this.#kind, this.#head.length, this.#views.length, this.#raw.length);
    put(this.#name.length, this.#hasErrors ? FLAG_ERRORS : 0, 0);
    for (const each of this.#views) {
      const number = this.#raw.indexOf(each.view.buffer as ArrayBuffer) + 1;
      put(each.type, this.#positionOf(each), each.byteLength, number);
    }
    for (const buffer of this.#raw) {
      const position = this.#segments.positionOf(buffer, 0, buffer.byteLength);
      put(this.#firstSegment + position, buffer.byteLength);
    }
    bytes.set(this.#head, at);
    bytes.fill(0, at + this.#head.length, this.#firstSegment);
    this.#segments.copyTo(bytes.subarray(this.#firstSegment, this.usedBytes));
    bytes.set(this.#name, this.usedBytes);
  }

  #positionOf({ view, byteLength, placeholder }: ViewEntry): number {
    if (placeholder !== undefined) return this.#firstSegment + placeholder.position;
    const { buffer, byteOffset } = view;
    return (
      this.#firstSegment + this.#segments.positionOf(buffer, byteOffset, byteOffset + byteLength)
    );
  }
}

/**
 * Makes a message that was encoded with room for a name a request, or a message.
 *
 * @returns how long it is now.
 */
export function rename(
  bytes: Uint8Array,
  usedBytes: number,
  { kind, name }: { readonly kind: Kind; readonly name: string },
): number {
  const encoded = Buffer.from(name);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  words.setUint32(4, kind, true);
  words.setUint32(20, encoded.length, true);
  bytes.set(encoded, usedBytes);
  return usedBytes + encoded.length;
}

/** An error as a message. Of one that cannot be cloned the name, the message, the code and the stack travel. */
export function encodeFailure(error: unknown): Encoded {
  try {
    return encode(error, { kind: KIND.failure });
  } catch (failure) {
    if (!isPageferryError(failure, 'NOT_CLONEABLE')) throw failure;
    const { name, message, code, stack } = Object(error) as Record<string, unknown>;
    const plain = new Error(typeof message === 'string' ? message : 'an error without a message');
    if (typeof stack === 'string') plain.stack = stack;
    if (typeof name === 'string') plain.name = name;
    if (typeof code === 'string') Object.assign(plain, { code });
    return encode(plain, { kind: KIND.failure });
  }
}
