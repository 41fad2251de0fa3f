import { shared } from '@pageferry/messages';
import { withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { decode } from '../dist/decode.js';
import { encode } from '../dist/encode.js';

function encoded(value: unknown): Uint8Array {
  const message = encode(value);
  // What the memory held before must not show.
  const bytes = new Uint8Array(message.byteLength).fill(0xee);
  message.writeTo(bytes);
  return bytes;
}

describe.each<[string, (text: string) => unknown]>([
  ['a plain value', (text) => ({ text, pixels: new Uint8Array(100).fill(text.length) })],
  ['one that V8 reads', (text) => new Map([[text, new Float64Array(3).fill(text.length)]])],
  ['one with a buffer', (text) => ({ text, buffer: new ArrayBuffer(24) })],
])('the head of %s', (_, valueWith) => {
  test('may have any length', () => {
    // Some 512 and 1024 bytes in all: where what is copied at once ends.
    for (let length = 380; length < 1040; length++) {
      const value = valueWith('x'.repeat(length));
      expect(decode(encoded(value)).value).toEqual(value);
    }
  });

  test('is read before the next message is', () => {
    const [one, other] = [valueWith('a'.repeat(300)), valueWith('b'.repeat(300))];
    const [first, second] = [decode(encoded(one)), decode(encoded(other))];
    expect([first.value, second.value]).toEqual([one, other]);
  });
});

test('a message has nothing in it of the memory that it was written to', () => {
  const bytes = encoded({ a: 1, pixels: new Uint8Array([1]), more: new Uint8Array([2]) });
  expect(bytes.includes(0xee)).toBe(false);
});

test('a view whose getter encodes another value is written as it is', () => {
  class Nosy extends Uint8Array {
    override get buffer(): ArrayBuffer {
      encoded({ other: 'x'.repeat(50), more: new Uint8Array(30) });
      return super.buffer as ArrayBuffer;
    }
  }
  const value = { before: 1, pixels: new Nosy([1, 2, 3]), after: 'yes' };
  expect(decode(encoded(value)).value).toEqual({ ...value, pixels: new Uint8Array([1, 2, 3]) });
});

function bytesOf(value: unknown): Uint8Array {
  if (!ArrayBuffer.isView(value)) return new Uint8Array(value as ArrayBuffer);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
}

const bare = <T extends object>(value: T): T => Object.setPrototypeOf(value, null);

test.each<[string, object, object]>([
  ['a Uint8Array without a prototype', bare(new Uint8Array([1, 2])), new Uint8Array([1, 2])],
  ['a Float64Array without a prototype', bare(new Float64Array([1])), new Float64Array([1])],
  [
    'a DataView without a prototype',
    bare(new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)),
    new DataView(new Uint8Array([2, 3]).buffer),
  ],
  [
    'an ArrayBuffer without a prototype',
    bare(new Uint8Array([1, 2]).buffer),
    new Uint8Array([1, 2]).buffer,
  ],
  [
    'a Uint8Array with a length of its own',
    Object.defineProperty(new Uint8Array([1, 2]), 'byteLength', { value: 1 }),
    new Uint8Array([1, 2]),
  ],
])('%s is what it is', (_, bytes, expected) => {
  const { value: plain } = decode(encoded([bytes])) as { value: unknown[] };
  const { value: ofV8 } = decode(encoded(new Set([bytes]))) as { value: Set<unknown> };
  for (const received of [...plain, ...ofV8]) {
    const { byteLength } = received as ArrayBuffer;
    expect(byteLength).toBe((expected as ArrayBuffer).byteLength);
    expect(bytesOf(received)).toEqual(bytesOf(expected));
    expect(Object.getPrototypeOf(received)).toBe(Object.getPrototypeOf(expected));
  }
});

test('a buffer that is not there any more cannot be cloned, and is said where', () => {
  const { buffer } = new Uint8Array(16);
  const views = [new Uint8Array(buffer, 8), new Float64Array(buffer), new DataView(buffer, 4)];
  structuredClone(buffer, { transfer: [buffer] });
  for (const bytes of [buffer, ...views]) {
    const refused = expect.objectContaining({ code: 'NOT_CLONEABLE', path: 'list[1].bytes' });
    expect(() => encode({ list: [0, { bytes }] })).toThrow(refused);
    expect(() => encode({ list: [new Map(), { bytes }] })).toThrow(refused);
  }
});

test('a message is read as it is, though a setter of the program reads another one meanwhile', () => {
  const [outer, inner] = [
    encoded([1, 'two', { three: 3 }]),
    encoded({ quite: 'another', value: [true] }),
  ];
  let isNested = false;
  let value: unknown[];
  const set = (): void => {
    if (isNested) return;
    isNested = true;
    decode(inner);
    isNested = false;
  };
  Object.defineProperty(Array.prototype, 0, { set, configurable: true });
  try {
    value = decode(outer).value as unknown[];
  } finally {
    delete (Array.prototype as unknown[])[0];
  }
  expect(value.slice(1)).toEqual(['two', { three: 3 }]);
});

test.each<[string, (bytes: Uint8Array<ArrayBuffer>) => void]>([
  ['was transferred', ({ buffer }) => structuredClone(buffer, { transfer: [buffer] })],
  ['is shorter', ({ buffer }) => (buffer as ArrayBuffer & { resize(to: number): void }).resize(4)],
])('a buffer that %s before it is written cannot be cloned', (_, change) => {
  const Resizable = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
  const bytes = new Uint8Array(new Resizable(16, { maxByteLength: 64 }), 8, 8);
  const message = encode({ bytes });
  change(bytes);
  const write = () => message.writeTo(new Uint8Array(message.byteLength));
  expect(write).toThrow(withCode('NOT_CLONEABLE'));
});

test('a type of views that have a length of their own stands for none', () => {
  class Four extends Uint8Array {
    constructor() {
      super(4);
    }
  }
  expect(() => shared(Four, 100)).toThrow(withCode('INVALID_ARGUMENT'));
});
