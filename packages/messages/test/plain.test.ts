import { isDeepStrictEqual } from 'node:util';
import { Deserializer, serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NOT_PLAIN, readPlain } from '../dist/read-plain.js';
import { ViewEntries } from '../dist/view-entries.js';
import { writePlain } from '../dist/write-plain.js';

/** What is written and read without V8. */
const { tree: plain } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(undefined, null, true, false, -0, Number.NaN, 2 ** 30, -(2 ** 31), 2 ** 53),
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary', minLength: 30, maxLength: 50 }),
    fc.constantFrom('\ud800', 'ÿ'.repeat(40), `${'a'.repeat(40)}\u0100`),
  ),
  tree: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 6 }),
    fc.dictionary(
      fc.string({ unit: 'grapheme' }).map((key) => `k${key}`),
      tie('tree'),
      { maxKeys: 6, noNullPrototype: true },
    ),
  ),
}));

function read(head: Buffer): unknown {
  const view = (): never => {
    throw new Error('there is no view');
  };
  return readPlain(head, 0, head.length, { view });
}

function byV8(head: Buffer): unknown {
  const deserializer = new Deserializer(head);
  deserializer.readHeader();
  return deserializer.readValue();
}

describe('a plain value', () => {
  test('is written as V8 reads it, and read as V8 writes it', () => {
    let written = 0;
    const property = fc.property(plain, (value) => {
      const head = writePlain(value, new ViewEntries(false));
      if (head === undefined) return;
      written++;
      expect(isDeepStrictEqual(byV8(head), value)).toBe(true);
      expect(isDeepStrictEqual(read(head), value)).toBe(true);
      const other = read(serialize(value));
      if (other !== NOT_PLAIN) expect(isDeepStrictEqual(other, value)).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
    expect(written).toBeGreaterThan(250);
  });

  test('keeps what is in it twice, and itself', () => {
    const shared = { a: 1 };
    const value: Record<string, unknown> = { one: shared, list: [shared, shared] };
    value['self'] = value;
    const head = writePlain(value, new ViewEntries(false)) as Buffer;
    for (const got of [read(head), byV8(head)] as (typeof value)[]) {
      expect(got['self']).toBe(got);
      expect((got['list'] as unknown[])[1]).toBe(got['one']);
    }
  });

  test.each<[string, unknown]>([
    ['a Map', new Map()],
    ['a Map that looks like a plain object', Object.setPrototypeOf(new Map(), Object.prototype)],
    ['a Date that looks like one', Object.setPrototypeOf(new Date(), null)],
    [
      'a Date that says it is one',
      Object.defineProperty(Object.setPrototypeOf(new Date(), null), Symbol.toStringTag, {
        value: 'Object',
      }),
    ],
    ['an error', new Error('e')],
    ['an instance', new (class Own {})()],
    ['a Proxy of an object', new Proxy({}, {})],
    ['a Proxy of an array', new Proxy([], {})],
    ['an array with a hole', Object.assign(new Array(3), { 0: 1, 2: 2 })],
    ['an array with a property', Object.assign([1], { more: 1 })],
    ['a key that is a number', { 1: 1 }],
    ['a function', { f: () => 0 }],
    ['a symbol', [Symbol('s')]],
    ['a BigInt', 1n],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a long text', 'x'.repeat(10_000)],
    ['many objects', Array.from({ length: 100 }, () => ({}))],
    ['a long array', new Array(1000).fill(0)],
  ])('is not %s: that is left to V8', (_, value) => {
    expect(writePlain({ value }, new ViewEntries(false))).toBeUndefined();
  });

  test('may have a getter that writes another value', () => {
    const inner = () => writePlain({ z: 1 }, new ViewEntries(false));
    const value = {
      a: 'before',
      get b() {
        inner();
        return 'within';
      },
      c: 'after',
    };
    const head = writePlain(value, new ViewEntries(false)) as Buffer;
    expect(byV8(head)).toEqual({ a: 'before', b: 'within', c: 'after' });
  });

  test('with a getter that throws leaves nothing behind', () => {
    const failing = {
      get a(): never {
        throw new RangeError('no');
      },
    };
    expect(() => writePlain(failing, new ViewEntries(false))).toThrow('no');
    expect(writePlain({ a: 1 }, new ViewEntries(false))).toBeDefined();
  });
});

describe('bytes that are no plain value', () => {
  const head = (...bytes: number[]) => Buffer.from([0xff, 15, ...bytes]);

  test.each<[string, Buffer]>([
    ['nothing', head()],
    ['half a number', head(0x4e, 1, 2)],
    ['a text that is longer than the rest', head(0x22, 100, 0x61)],
    ['an array that is longer than the rest', head(0x41, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ['an object without an end', head(0x6f, 0x22, 1, 0x61, 0x54)],
    ['an object of another number of properties', head(0x6f, 0x22, 1, 0x61, 0x54, 0x7b, 2)],
    ['a property that is there twice', head(0x6f, 0x22, 1, 97, 0x54, 0x22, 1, 97, 0x54, 0x7b, 2)],
    ['a reference to nothing', head(0x5e, 3)],
    ['a wide text of half a character', head(0x63, 1, 0x61)],
    ['more than the value', head(0x54, 0x54)],
    ['an older version', Buffer.from([0xff, 12, 0x54])],
    ['another tag', head(0x6e, 1)],
    ['what is nested deep', head(...Array.from({ length: 4000 }, () => [0x41, 1]).flat())],
    ['a prototype', head(0x6f, 0x22, 9, ...Buffer.from('__proto__'), 0x6f, 0x7b, 0, 0x7b, 1)],
  ])('are left to V8: %s', (_, bytes) => {
    expect(read(bytes)).toBe(NOT_PLAIN);
  });

  test('pollute no prototype, and are never taken for more than they are', () => {
    const changed = fc
      .tuple(plain, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }))
      .map(([value, changes]) => {
        const bytes = Buffer.from(serialize(value));
        for (const [at, byte] of changes) bytes[2 + (at % Math.max(1, bytes.length - 2))] = byte;
        return bytes;
      });
    const property = fc.property(changed, (bytes) => {
      const value = readPlain(bytes, 0, bytes.length, { view: () => new Uint8Array(1) });
      if (value === NOT_PLAIN || bytes.includes(0x5c)) return;
      expect(isDeepStrictEqual(value, byV8(bytes))).toBe(true);
    });
    fc.assert(property, { numRuns: 1000 });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
