import {
  decodeHello,
  decodeHelloOfStream,
  encodeHello,
  HELLO_BYTES,
  HELLO_KIND,
  isPageferryError,
  MAX_HELLO_BYTES,
} from '@pageferry/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkWelcome, reasonToRefuse } from '../dist/rendezvous/refusal.js';

/** `PAGEFERRY_FUZZ_RUNS` of `pnpm test:fuzz`. */
const numRuns = Number(process.env['PAGEFERRY_FUZZ_RUNS'] ?? 2000);

const word = fc.nat(0xffffffff);
const kind = fc.constantFrom(...Object.values(HELLO_KIND));
const good = fc
  .tuple(kind, fc.string({ maxLength: 8 }), word, fc.array(word, { maxLength: 16 }))
  .map((words) => encodeHello(...words));
const changed = fc
  .tuple(good, fc.array(fc.tuple(fc.nat(111), fc.nat(255)), { minLength: 1, maxLength: 6 }))
  .map(([bytes, changes]) => {
    for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
    return bytes;
  });
const random = fc.uint8Array({ maxLength: MAX_HELLO_BYTES }).map((bytes) => Buffer.from(bytes));
const cut = fc.tuple(good, fc.nat(112)).map(([bytes, length]) => bytes.subarray(0, length));
const anyBytes = fc.oneof(changed, random, cut, good);

describe('the bytes of a peer in the handshake', () => {
  test('are a message of it or none, whatever they are', () => {
    const property = fc.property(anyBytes, (bytes) => {
      const before = Buffer.from(bytes);
      const hello = decodeHello(bytes);
      expect(bytes.equals(before)).toBe(true);
      if (hello === undefined) return;
      expect(hello.parameters).toHaveLength(16);
      expect(Buffer.byteLength(hello.mechanism.replaceAll('\ufffd', '?'))).toBeLessThanOrEqual(32);
      const reason = reasonToRefuse(hello, 'name', () => true);
      expect(reason === undefined || reason > 0).toBe(true);
    });
    fc.assert(property, { numRuns });
  });

  test('as an answer are a welcome, or an error with a code', () => {
    const property = fc.property(anyBytes, (bytes) => {
      try {
        expect(checkWelcome(decodeHello(bytes), '/path', 'name').kind).toBe(HELLO_KIND.welcome);
      } catch (error) {
        expect(isPageferryError(error)).toBe(true);
      }
    });
    fc.assert(property, { numRuns });
  });

  test('are the same message in whichever pieces they come', () => {
    const property = fc.property(anyBytes, (bytes) => {
      const whole = decodeHelloOfStream(bytes);
      // What has shown to be something else stays that; what is whole stays as it is.
      for (let length = 0; length <= Math.min(bytes.length, HELLO_BYTES); length++) {
        const part = decodeHelloOfStream(bytes.subarray(0, length));
        if (part === 'foreign') expect(whole).toBe('foreign');
        else if (length === HELLO_BYTES) expect(part).toEqual(whole);
      }
    });
    fc.assert(property, { numRuns: Math.ceil(numRuns / 10) });
  });

  test('say what was encoded', () => {
    const name = fc.string({ maxLength: 32, unit: 'grapheme-ascii' });
    const property = fc.property(
      kind,
      name,
      word,
      fc.array(word, { maxLength: 16 }),
      (...words) => {
        const [which, mechanism, reason, parameters] = words;
        const hello = decodeHello(encodeHello(which, mechanism, reason, parameters));
        expect(hello).toMatchObject({ kind: which, mechanism, reason });
        expect([...(hello?.parameters ?? [])].slice(0, parameters.length)).toEqual(parameters);
      },
    );
    fc.assert(property, { numRuns });
  });
});
