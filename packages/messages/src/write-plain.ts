import { types } from 'node:util';
import { isPlainObject } from './survey.js';
import type { ViewEntries } from './view-entries.js';

/** Values beyond these are V8's: it is faster with much, and slower to begin with. */
const MAX_HEAD_BYTES = 8 * 1024;
const MAX_OBJECTS = 64;
const MAX_ELEMENTS = 256;
const MAX_DEPTH = 32;
/** Texts up to this length are written character by character. */
const SHORT_TEXT = 32;
/** The largest and the smallest integer that V8 writes as such. */
const MAX_SMALL = 2 ** 30 - 1;

/** The version of V8's format. */
const VERSION = 15;

const scratch = Buffer.alloc(MAX_HEAD_BYTES);
/** A getter of the value may send another one. */
let isBusy = false;

/**
 * Writes a small value of plain objects, arrays, texts, numbers and views, as V8's serializer would. Making one of V8's
 * costs more than all the rest of a small message.
 *
 * @param views gets the views; if nothing is returned, it is not to be used.
 * @returns a head of its own; `undefined` if there is anything else in the value, or too much of it.
 * @throws `INVALID_ARGUMENT` for a placeholder that is not taken, and what a getter throws.
 */
export function writePlain(value: unknown, views: ViewEntries): Buffer | undefined {
  if (isBusy) return undefined;
  isBusy = true;
  try {
    const writer = new PlainWriter(views);
    return writer.write(value, 0) ? writer.head() : undefined;
  } finally {
    isBusy = false;
  }
}

class PlainWriter {
  readonly #views: ViewEntries;
  readonly #seen: object[] = [];
  #at = 2;

  constructor(views: ViewEntries) {
    this.#views = views;
    scratch[0] = 0xff;
    scratch[1] = VERSION;
  }

  head(): Buffer {
    const head = Buffer.allocUnsafe(this.#at);
    scratch.copy(head, 0, 0, this.#at);
    return head;
  }

  /** False if the value is none for this. */
  write(value: unknown, depth: number): boolean {
    // Room for any tag with its number.
    if (this.#at + 16 > MAX_HEAD_BYTES) return false;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        this.#number(value);
        return true;
      case 'boolean':
        this.#byte(value ? 0x54 : 0x46);
        return true;
      case 'undefined':
        this.#byte(0x5f);
        return true;
      case 'object':
        if (value !== null) return this.#object(value, depth);
        this.#byte(0x30);
        return true;
      default:
        return false;
    }
  }

  #object(value: object, depth: number): boolean {
    const known = this.#seen.indexOf(value);
    if (known >= 0) {
      this.#byte(0x5e);
      this.#varint(known);
      return true;
    }
    if (depth > MAX_DEPTH || this.#seen.length === MAX_OBJECTS) return false;
    this.#seen.push(value);
    if (ArrayBuffer.isView(value)) return this.#view(value);
    // Of one that was revoked not even that can be asked whether it is an array.
    if (types.isProxy(value)) return false;
    if (Array.isArray(value)) return this.#array(value, depth);
    return isPlainObject(value) && this.#properties(value, depth);
  }

  #view(view: ArrayBufferView): boolean {
    const number = this.#views.add(view);
    if (number === undefined) return false;
    this.#byte(0x5c);
    this.#varint(number);
    return true;
  }

  #array(value: readonly unknown[], depth: number): boolean {
    const { length } = value;
    // Holes, and what an array has besides its elements, are for V8.
    if (length > MAX_ELEMENTS) return false;
    if (Object.keys(value).length !== length) return false;
    this.#byte(0x41);
    this.#varint(length);
    for (let index = 0; index < length; index++) {
      if (!(index in value) || !this.write(value[index], depth + 1)) return false;
    }
    // A getter may have changed it.
    if (value.length !== length || this.#at + 16 > MAX_HEAD_BYTES) return false;
    this.#byte(0x24);
    this.#varint(0);
    this.#varint(length);
    return true;
  }

  #properties(value: object, depth: number): boolean {
    const keys = Object.keys(value);
    this.#byte(0x6f);
    for (const key of keys) {
      // V8 writes those that are numbers as numbers.
      if (isDigit(key.charCodeAt(0)) || !this.#text(key)) return false;
      if (!this.write((value as Readonly<Record<string, unknown>>)[key], depth + 1)) return false;
    }
    if (this.#at + 16 > MAX_HEAD_BYTES) return false;
    this.#byte(0x7b);
    this.#varint(keys.length);
    return true;
  }

  #text(text: string): boolean {
    const { length } = text;
    if (this.#at + 16 + 2 * length > MAX_HEAD_BYTES) return false;
    const begin = this.#at;
    this.#byte(0x22);
    this.#varint(length);
    if (length > SHORT_TEXT) {
      if (/[^\0-\xff]/.test(text)) return this.#wideText(text, begin);
      this.#at += scratch.write(text, this.#at, length, 'latin1');
      return true;
    }
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0xff) return this.#wideText(text, begin);
      scratch[this.#at++] = code;
    }
    return true;
  }

  /** One with characters of two bytes, which lie at an even place. */
  #wideText(text: string, begin: number): true {
    const byteLength = 2 * text.length;
    this.#at = begin;
    if ((begin + 1 + varintBytes(byteLength)) % 2 === 1) this.#byte(0);
    this.#byte(0x63);
    this.#varint(byteLength);
    this.#at += scratch.write(text, this.#at, byteLength, 'ucs2');
    return true;
  }

  #number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) <= MAX_SMALL && !Object.is(value, -0)) {
      this.#byte(0x49);
      this.#varint(value >= 0 ? 2 * value : -2 * value - 1);
      return;
    }
    this.#byte(0x4e);
    this.#at = scratch.writeDoubleLE(value, this.#at);
  }

  #byte(value: number): void {
    scratch[this.#at++] = value;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      scratch[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    scratch[this.#at++] = rest;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) bytes++;
  return bytes;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
