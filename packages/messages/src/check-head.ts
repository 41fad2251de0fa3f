import { HOLES, MAX_DEPTH } from './format.js';

/** The tags of V8's format, as it writes them. */
const TAG = {
  padding: 0x00,
  arrayEnd: code('$'),
  objectEnd: code('{'),
  sparseEnd: code('@'),
  mapEnd: code(':'),
  setEnd: code(','),
  errorEnd: code('.'),
} as const;

/**
 * Passes bytes that V8's deserializer may read: those of whole values that claim no more than they hold. V8 itself makes
 * an array as long as it is said to be before it looks for the elements, and one with holes of 240 MB out of 15 bytes.
 *
 * Only what its serializer writes of a value is known here: no shared memory, no resizable buffers, no modules, and
 * buffers only by their number or as bytes.
 *
 * @param values how many values there are.
 * @param messageBytes the length of the whole message.
 * @throws RangeError with what is wrong.
 */
export function checkHead(bytes: Uint8Array, values: number, messageBytes: number): void {
  const reader = new HeadReader(bytes, HOLES + messageBytes / 8);
  reader.header();
  for (let count = 0; count < values; count++) reader.value(0);
  if (reader.position !== bytes.length) throw new RangeError('there is more than the value');
}

class HeadReader {
  position = 0;
  readonly #bytes: Uint8Array;
  #holesLeft: number;

  constructor(bytes: Uint8Array, holes: number) {
    this.#bytes = bytes;
    this.#holesLeft = holes;
  }

  header(): void {
    if (this.#byte() !== 0xff) throw new RangeError('there is no header of V8');
    const version = this.#number();
    if (version < 13) throw new RangeError(`version ${version} of V8's format is too old`);
  }

  value(depth: number): void {
    if (depth > MAX_DEPTH + 16) throw new RangeError('it is nested too deep');
    const tag = this.#tag();
    switch (String.fromCharCode(tag)) {
      case '_':
      case '0':
      case 'T':
      case 'F':
      case '-':
      case 'y':
      case 'x':
        return;
      case 'I':
      case 'U':
      case '^':
      case 't':
      case '\\':
        this.#number();
        return;
      case 'N':
      case 'D':
      case 'n':
        this.#skip(8);
        return;
      case 'Z':
      case 'z':
        this.#skip(this.#number() >>> 1);
        return;
      case 'S':
      case '"':
      case 'c':
      case 'B':
        this.#skip(this.#number());
        return;
      case '?':
        this.#number();
        this.value(depth);
        return;
      case 's':
        this.#text();
        return;
      case 'R':
        this.#text();
        this.#number();
        return;
      case 'o':
        this.#until(TAG.objectEnd, depth);
        this.#number();
        return;
      case 'A':
        this.#dense(depth);
        return;
      case 'a':
        this.#sparse(depth);
        return;
      case ';':
        this.#until(TAG.mapEnd, depth);
        this.#number();
        return;
      case "'":
        this.#until(TAG.setEnd, depth);
        this.#number();
        return;
      case 'r':
        this.#error(depth);
        return;
      default:
        throw new RangeError(`there is no value with the tag ${tag}`);
    }
  }

  #dense(depth: number): void {
    const length = this.#number();
    if (length > this.#bytes.length - this.position) throw new RangeError('an array is cut short');
    for (let index = 0; index < length; index++) this.value(depth + 1);
    this.#until(TAG.arrayEnd, depth);
    this.#number();
    this.#number();
  }

  #sparse(depth: number): void {
    this.#holesLeft -= this.#number();
    if (this.#holesLeft < 0) throw new RangeError('an array with holes is too long');
    this.#until(TAG.sparseEnd, depth);
    this.#number();
    this.#number();
  }

  #error(depth: number): void {
    for (;;) {
      const tag = this.#number();
      if (tag === TAG.errorEnd) return;
      switch (String.fromCharCode(tag)) {
        case 'E':
        case 'R':
        case 'F':
        case 'S':
        case 'T':
        case 'U':
          break;
        case 'm':
        case 's':
          this.#text();
          break;
        case 'c':
          this.value(depth + 1);
          break;
        default:
          throw new RangeError('an error has an unknown part');
      }
    }
  }

  #text(): void {
    const tag = this.#tag();
    if (tag !== code('"') && tag !== code('c') && tag !== code('S')) {
      throw new RangeError('there is no text');
    }
    this.#skip(this.#number());
  }

  #until(end: number, depth: number): void {
    while (this.#peek() !== end) this.value(depth + 1);
    this.position++;
  }

  #peek(): number {
    while (this.#bytes[this.position] === TAG.padding) this.position++;
    const tag = this.#bytes[this.position];
    if (tag === undefined) throw new RangeError('it is cut short');
    return tag;
  }

  #tag(): number {
    const tag = this.#peek();
    this.position++;
    return tag;
  }

  #byte(): number {
    const byte = this.#bytes[this.position++];
    if (byte === undefined) throw new RangeError('it is cut short');
    return byte;
  }

  /** A number of 32 bits, seven in each byte. */
  #number(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (result > 0xffffffff) break;
        return result;
      }
    }
    throw new RangeError('a number has more than 32 bits');
  }

  #skip(byteLength: number): void {
    if (byteLength > this.#bytes.length - this.position) throw new RangeError('it is cut short');
    this.position += byteLength;
  }
}

function code(character: string): number {
  return character.charCodeAt(0);
}
