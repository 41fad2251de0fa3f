import { types } from 'node:util';
import { Deserializer } from 'node:v8';
import { PageferryError } from '@pageferry/core';
import { checkHead } from './check-head.js';
import {
  BUFFER_BYTES,
  FLAG_ERRORS,
  KIND,
  type Kind,
  MAGIC,
  MAX_NAME_BYTES,
  PREFIX_BYTES,
  VIEW_BYTES,
  wordAt,
} from './format.js';
import { knownText } from './known-texts.js';
import { NOT_PLAIN, readPlain, type ViewSource } from './read-plain.js';
import { elementSizeOf, makeView } from './view-types.js';

/** A message that was read. */
export interface Decoded {
  readonly kind: Kind;
  readonly name: string;
  readonly value: unknown;
}

/**
 * Reads a message. The views of its value are views of `bytes`; an `ArrayBuffer` that is itself part of the value, and the
 * views on it, have memory of their own.
 *
 * A peer may go on to write to `bytes`: everything that is checked is copied first.
 *
 * @param bytes aligned to 8 bytes.
 * @throws `PEER_MISBEHAVED` for everything that the encoder does not write.
 */
export function decode(bytes: Uint8Array): Decoded {
  const isWithin = isScratchInUse;
  isScratchInUse = true;
  try {
    return new MessageReader(bytes, isWithin ? Buffer.alloc(scratch.length) : scratch).read();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PageferryError('PEER_MISBEHAVED', `a message is no value: ${why}`, { cause: error });
  } finally {
    isScratchInUse = isWithin;
  }
}

interface ViewEntry {
  readonly type: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly buffer: number;
}

interface Range {
  readonly offset: number;
  readonly byteLength: number;
}

const NONE: readonly never[] = [];

/** Where the first bytes of a message are copied to: of most all but the memory of its views. */
const scratch = Buffer.alloc(512);
/** A program that has changed what is built in may read another message while one is read. */
let isScratchInUse = false;

/** Copies the first bytes, as `set` does, without a view of the part. */
function copyStart(bytes: Uint8Array, target: Buffer, from: number, to: number): void {
  Buffer.prototype.copy.call(bytes, target, from, from, to);
}

class MessageReader implements ViewSource {
  readonly #bytes: Uint8Array;
  /** The prefix, the tables and the head, which nobody else can change. */
  readonly #own: Buffer;
  /** Where the head ends in them. */
  readonly #end: number;
  readonly #headLength: number;
  readonly #viewCount: number;
  readonly #ranges: readonly Range[];
  readonly #buffers: readonly ArrayBuffer[];
  readonly #views: (ArrayBufferView | undefined)[] = [];

  /** @param first where the first bytes are copied to. */
  constructor(bytes: Uint8Array, first: Buffer) {
    this.#bytes = bytes;
    must(bytes.length >= PREFIX_BYTES, 'it is shorter than its prefix');
    const copied = Math.min(bytes.length, first.length);
    copyStart(bytes, first, 0, copied);
    must(wordAt(first, 0) === MAGIC, 'it does not begin as one');
    this.#headLength = wordAt(first, 8);
    this.#viewCount = wordAt(first, 12);
    const bufferCount = wordAt(first, 16);
    this.#end =
      PREFIX_BYTES + this.#viewCount * VIEW_BYTES + bufferCount * BUFFER_BYTES + this.#headLength;
    must(this.#end <= bytes.length, 'its head does not fit');
    this.#own = this.#end > copied ? Buffer.allocUnsafe(this.#end) : first;
    if (this.#own !== first) {
      first.copy(this.#own, 0, 0, copied);
      copyStart(bytes, this.#own, copied, this.#end);
    }
    this.#ranges = bufferCount === 0 ? NONE : this.#readRanges(bufferCount);
    this.#buffers = this.#ranges.map(
      ({ offset, byteLength }) =>
        new Uint8Array(bytes.subarray(offset, offset + byteLength)).buffer,
    );
  }

  read(): Decoded {
    const kind = wordAt(this.#own, 4);
    const flags = wordAt(this.#own, 24);
    must(kind <= KIND.noHandler, 'it is of no kind');
    must(flags <= FLAG_ERRORS, 'it has unknown flags');
    const name = this.#readName(wordAt(this.#own, 20));
    const begin = this.#end - this.#headLength;
    const plain =
      flags === 0 && this.#buffers.length === 0
        ? readPlain(this.#own, begin, this.#end, this)
        : NOT_PLAIN;
    const value = plain === NOT_PLAIN ? this.#readByV8(flags) : plain;
    return { kind: kind as Kind, name, value };
  }

  #readByV8(flags: number): unknown {
    const head = this.#own.subarray(this.#end - this.#headLength, this.#end);
    checkHead(head, 1 + flags, this.#bytes.length);
    const deserializer = new ValueDeserializer(head, this);
    for (const [id, buffer] of this.#buffers.entries()) {
      deserializer.transferArrayBuffer(id, buffer);
    }
    deserializer.readHeader();
    const value: unknown = deserializer.readValue();
    if (flags === FLAG_ERRORS) restoreErrors(deserializer.readValue());
    return value;
  }

  #readName(length: number): string {
    if (length === 0) return '';
    const { length: end } = this.#bytes;
    must(length <= MAX_NAME_BYTES && length <= end, 'its name is too long');
    return (
      knownText(this.#bytes, end - length, length) ??
      Buffer.from(this.#bytes.subarray(end - length)).toString()
    );
  }

  /** Copied they are: each claims memory of its own, and all of them no more than the message has. */
  #readRanges(count: number): readonly Range[] {
    const start = PREFIX_BYTES + this.#viewCount * VIEW_BYTES;
    let sum = 0;
    return Array.from({ length: count }, (_, index) => {
      const at = start + index * BUFFER_BYTES;
      const range = {
        offset: wordAt(this.#own, at),
        byteLength: wordAt(this.#own, at + 4),
      };
      sum += range.byteLength;
      must(range.offset + range.byteLength <= this.#bytes.length, 'a buffer does not fit');
      must(sum <= this.#bytes.length, 'its buffers overlap');
      return range;
    });
  }

  view(number: number): ArrayBufferView {
    must(number < this.#viewCount, 'there is no such view');
    const known = this.#views[number];
    if (known !== undefined) return known;
    const view = this.#makeView(this.#entry(number));
    this.#views[number] = view;
    return view;
  }

  #entry(number: number): ViewEntry {
    const at = PREFIX_BYTES + number * VIEW_BYTES;
    return {
      type: wordAt(this.#own, at),
      offset: wordAt(this.#own, at + 4),
      byteLength: wordAt(this.#own, at + 8),
      buffer: wordAt(this.#own, at + 12),
    };
  }

  #makeView({ type, offset, byteLength, buffer }: ViewEntry): ArrayBufferView {
    const size = elementSizeOf(type) ?? Number.NaN;
    must(offset % size === 0 && byteLength % size === 0, 'a view has no type, or is not aligned');
    must(offset + byteLength <= this.#bytes.length, 'a view does not fit');
    if (buffer === 0) {
      return makeView(type, this.#bytes.buffer, this.#bytes.byteOffset + offset, byteLength);
    }
    const range = this.#ranges[buffer - 1];
    const memory = this.#buffers[buffer - 1];
    if (range === undefined || memory === undefined)
      throw new RangeError('there is no such buffer');
    const within = offset - range.offset;
    must(within >= 0 && within + byteLength <= range.byteLength, 'a view leaves its buffer');
    return makeView(type, memory, within, byteLength);
  }
}

class ValueDeserializer extends Deserializer {
  readonly #views: ViewSource;

  constructor(head: Buffer, views: ViewSource) {
    super(head);
    this.#views = views;
  }

  /** Called by V8 for each view. */
  _readHostObject(): ArrayBufferView {
    return this.#views.view(this.readUint32());
  }
}

/** Gives errors back what V8 leaves out: properties of their own, and nothing that they inherit. */
function restoreErrors(extras: unknown): void {
  must(Array.isArray(extras), 'what belongs to its errors is no list');
  for (const each of extras as unknown[]) {
    must(Array.isArray(each), 'what belongs to an error is no list');
    const [error, visible, hidden] = each as unknown[];
    must(types.isNativeError(error), 'what is said to be an error is none');
    define(error as object, visible, true);
    define(error as object, hidden, false);
  }
}

function define(target: object, properties: unknown, enumerable: boolean): void {
  must(typeof properties === 'object' && properties !== null, 'an error has no properties');
  for (const [key, value] of Object.entries(properties as object)) {
    Object.defineProperty(target, key, { value, enumerable, configurable: true, writable: true });
  }
}

function must(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new RangeError(problem);
}
