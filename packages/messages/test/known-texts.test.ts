import { describe, expect, test } from 'vitest';
import { knownText } from '../dist/known-texts.js';

/** As it is read: in the middle of other bytes. */
function read(text: string): string | undefined {
  const bytes = Buffer.from(`<${text}>`, 'latin1');
  return knownText(bytes, 1, bytes.length - 2);
}

describe('a text that is remembered', () => {
  test('is what its bytes are, however many others have its place', () => {
    // Of one length, with the same first and last byte.
    const texts = Array.from({ length: 64 }, (_, index) => `k${String.fromCharCode(32 + index)}y`);
    for (let round = 0; round < 3; round++) {
      for (const text of [...texts, ...texts.toReversed()]) expect(read(text)).toBe(text);
    }
  });

  test.each(['a', 'ab', 'x'.repeat(24), '\0', 'constructor', '__proto__', '7', '\x7f'])(
    'is the same each time: %j',
    (text) => {
      expect([read(text), read(text)]).toEqual([text, text]);
    },
  );

  test.each(['', 'x'.repeat(25), 'é', 'abcé', 'éabc', 'a\x80c'])(
    'is none of others: %j',
    (text) => {
      expect([read(text), read(text)]).toEqual([undefined, undefined]);
    },
  );
});
