import { MAX_DEPTH } from './format.js';
import { knownText } from './known-texts.js';

/** Heads up to this length are read here; V8 is faster with longer ones. */
const MAX_HEAD_BYTES = 8 * 1024;

/** What {@link readPlain} answers for what it does not read. */
export const NOT_PLAIN = Symbol('not plain');

/** Thrown within, for whatever is not read here. What is wrong with it others find out. */
class NotPlain extends Error {}

/** Who has the views of a message. */
export interface ViewSource {
  /** The view of a number. What it throws, {@link readPlain} throws. */
  view(number: number): ArrayBufferView;
}

/**
 * Reads the head of a small message if it holds plain objects, arrays, texts, numbers and views alone, as most do. Making
 * one of V8's deserializers costs more than all the rest of a small message.
 *
 * It takes no more memory than the head has bytes, give or take what objects cost: each element and each property is
 * there before it is made.
 *
 * @param bytes memory that nobody else can change, with the head from `begin` to `end`.
 * @returns the value, or {@link NOT_PLAIN} for anything else: also for what is no value.
 */
export function readPlain(bytes: Buffer, begin: number, end: number, views: ViewSource): unknown {
  const isKnown = bytes[begin] === 0xff && (bytes[begin + 1] as number) >= 13;
  if (end - begin < 3 || end - begin > MAX_HEAD_BYTES || !isKnown) return NOT_PLAIN;
  const reader = new PlainReader(bytes, begin + 2, end, views);
  try {
    const value = reader.value(0);
    return reader.position === end ? value : NOT_PLAIN;
  } catch (error) {
    if (error instanceof NotPlain) return NOT_PLAIN;
    throw error;
  }
}

class PlainReader {
  position: number;
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #views: ViewSource;
  readonly #objects: object[] = [];

  constructor(bytes: Buffer, begin: number, end: number, views: ViewSource) {
    this.#bytes = bytes;
    this.position = begin;
    this.#end = end;
    this.#views = views;
  }

  value(depth: number): unknown {
    switch (this.#tag()) {
      case 0x5f:
        return undefined;
      case 0x30:
        return null;
      case 0x54:
        return true;
      case 0x46:
        return false;
      case 0x49:
        return this.#integer();
      case 0x4e:
        return this.#double();
      case 0x22:
        return this.#text('latin1');
      case 0x63:
        return this.#text('ucs2');
      case 0x6f:
        return this.#object(depth);
      case 0x41:
        return this.#array(depth);
      case 0x5c:
        return this.#hostObject();
      case 0x5e:
        return this.#reference();
      default:
        throw new NotPlain();
    }
  }

  #object(depth: number): object {
    if (depth > MAX_DEPTH) throw new NotPlain();
    const object: Record<string, unknown> = {};
    this.#objects.push(object);
    let count = 0;
    while (this.#peek() !== 0x7b) {
      const key = this.#key();
      const value = this.value(depth + 1);
      // One that is there twice makes V8 refuse the object: the number at its end would be wrong.
      if (key === '__proto__' || key in object) throw new NotPlain();
      object[key] = value;
      count++;
    }
    this.position++;
    if (this.#varint() !== count) throw new NotPlain();
    return object;
  }

  #key(): string {
    const tag = this.#tag();
    if (tag === 0x22) return this.#shortText() ?? this.#text('latin1');
    if (tag === 0x63) return this.#text('ucs2');
    throw new NotPlain();
  }

  #array(depth: number): unknown[] {
    const length = this.#varint();
    if (depth > MAX_DEPTH || length > this.#end - this.position) throw new NotPlain();
    const array: unknown[] = [];
    this.#objects.push(array);
    for (let index = 0; index < length; index++) {
      // Where there is a hole.
      if (this.#peek() === 0x2d) throw new NotPlain();
      array.push(this.value(depth + 1));
    }
    if (this.#tag() !== 0x24 || this.#varint() !== 0 || this.#varint() !== length)
      throw new NotPlain();
    return array;
  }

  #hostObject(): object {
    const view = this.#views.view(this.#varint());
    this.#objects.push(view);
    return view;
  }

  #reference(): object {
    const known = this.#objects[this.#varint()];
    if (known === undefined) throw new NotPlain();
    return known;
  }

  /** Where it is one that many messages have. */
  #shortText(): string | undefined {
    const begin = this.position + 1;
    // Of one byte, if it is short.
    const length = this.#bytes[this.position] as number;
    if (begin + length > this.#end) throw new NotPlain();
    const text = knownText(this.#bytes, begin, length);
    if (text !== undefined) this.position = begin + length;
    return text;
  }

  #text(encoding: 'latin1' | 'ucs2'): string {
    const length = this.#varint();
    const begin = this.position;
    if (length > this.#end - begin) throw new NotPlain();
    if (encoding === 'ucs2' && length % 2 === 1) throw new NotPlain();
    this.position += length;
    return this.#bytes.toString(encoding, begin, this.position);
  }

  #integer(): number {
    const coded = this.#varint();
    return (coded >>> 1) ^ -(coded & 1);
  }

  #double(): number {
    if (this.#end - this.position < 8) throw new NotPlain();
    const value = this.#bytes.readDoubleLE(this.position);
    this.position += 8;
    return value;
  }

  #peek(): number {
    while (this.#bytes[this.position] === 0 && this.position < this.#end) this.position++;
    if (this.position >= this.#end) throw new NotPlain();
    return this.#bytes[this.position] as number;
  }

  #tag(): number {
    const tag = this.#peek();
    this.position++;
    return tag;
  }

  #varint(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.position >= this.#end) break;
      const byte = this.#bytes[this.position++] as number;
      result += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (result > 0xffffffff) break;
      return result;
    }
    throw new NotPlain();
  }
}
