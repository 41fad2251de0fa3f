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
