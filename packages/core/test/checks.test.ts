import {
  checkBytes,
  checkDescriptor,
  checkEndpoint,
  checkInteger,
  checkMessageLength,
  checkOptionalInteger,
  checkOptions,
} from '@pageferry/core';
import { describe, expect, test } from 'vitest';

/** The code and argument of what `call` throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    return `nothing, but ${String(call())}`;
  } catch (error) {
    const { code, argument } = error as { code: string; argument?: string };
    return argument === undefined ? code : [code, argument];
  }
}

describe('checkInteger', () => {
  test.each([0, 5, 10])('passes %s', (value) => {
    expect(checkInteger('n', value, 0, 10)).toBe(value);
  });

  test.each([-1, 11, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '5', 5n, null, undefined, [], {}])(
    'refuses %s',
    (value) => {
      expect(thrownBy(() => checkInteger('n', value, 0, 10))).toEqual(['INVALID_ARGUMENT', 'n']);
    },
  );

  test('has no upper limit but that of exact integers', () => {
    expect(checkInteger('n', Number.MAX_SAFE_INTEGER, 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => checkInteger('n', 2 ** 53, 1)).toThrow('n must be an integer from 1 up, not 900');
  });
});

test('checkOptionalInteger has a default for undefined alone', () => {
  expect(checkOptionalInteger('n', undefined, 7, 1)).toBe(7);
  expect(checkOptionalInteger('n', 3, 7, 1)).toBe(3);
  expect(thrownBy(() => checkOptionalInteger('n', null, 7, 1))).toEqual(['INVALID_ARGUMENT', 'n']);
});

test('checkMessageLength tells nonsense from too much', () => {
  expect(checkMessageLength(0, 10)).toBe(0);
  expect(checkMessageLength(10, 10)).toBe(10);
  expect(thrownBy(() => checkMessageLength(11, 10))).toBe('MESSAGE_TOO_LARGE');
  expect(thrownBy(() => checkMessageLength(-1, 10))).toEqual(['INVALID_ARGUMENT', 'byteLength']);
});

test('checkBytes passes views of memory, and arrays of them, as bytes of the same memory', () => {
  const buffer = Buffer.alloc(3);
  const [same] = checkBytes('b', buffer);
  expect([same?.buffer, same?.byteOffset, same?.length]).toEqual([
    buffer.buffer,
    buffer.byteOffset,
    3,
  ]);
  const words = new Uint16Array([1, 2, 3]).subarray(1);
  const [bytes, view] = checkBytes('b', [words, new DataView(words.buffer, 1, 2)]);
  expect([bytes?.buffer, bytes?.byteOffset, bytes?.length]).toEqual([words.buffer, 2, 4]);
  expect([view?.buffer, view?.byteOffset, view?.length]).toEqual([words.buffer, 1, 2]);
  expect(checkBytes('b', [])).toEqual([]);
  const nameless = { constructor: { name: Symbol('none') } };
  const wrong = ['abc', 3, [1], [buffer, 'a'], new Array(1), new ArrayBuffer(3), {}, nameless];
  for (const bad of [...wrong, null, undefined]) {
    expect(thrownBy(() => checkBytes('b', bad))).toEqual(['INVALID_ARGUMENT', 'b']);
  }
});

test('checkOptions passes objects with known names, and nothing for undefined', () => {
  const options = { a: 1 };
  expect(checkOptions(options, ['a'])).toBe(options);
  expect(checkOptions(undefined, ['a' as never])).toEqual({});
  for (const bad of [null, 5, 'x', true]) {
    expect(thrownBy(() => checkOptions(bad as never, []))).toEqual(['INVALID_ARGUMENT', 'options']);
  }
});

test('an option that does not exist is refused with the nearest name (11.21)', () => {
  const known = ['poolBytes', 'endpoint', 'spinMicroseconds'] as never[];
  const refuse = (name: string) => () => checkOptions({ [name]: 5 }, known);
  expect(thrownBy(refuse('poolByte'))).toEqual(['INVALID_ARGUMENT', 'poolByte']);
  expect(refuse('poolByte')).toThrow("there is no option 'poolByte': did you mean 'poolBytes'?");
  expect(refuse('endPoint')).toThrow("did you mean 'endpoint'?");
  expect(refuse('colour')).toThrow('there are poolBytes, endpoint, spinMicroseconds');
});

test('checkEndpoint passes paths', () => {
  expect(checkEndpoint('/run/x')).toBe('/run/x');
  expect(thrownBy(() => checkEndpoint(''))).toEqual(['ENDPOINT_INVALID', 'endpoint']);
  expect(thrownBy(() => checkEndpoint('a\0b'))).toEqual(['ENDPOINT_INVALID', 'endpoint']);
  expect(thrownBy(() => checkEndpoint(5))).toEqual(['INVALID_ARGUMENT', 'endpoint']);
});

test('checkDescriptor passes numbers and objects that hold one', () => {
  expect(checkDescriptor('d', 0)).toBe(0);
  expect(checkDescriptor('d', { fd: 12 })).toBe(12);
  for (const bad of [-1, 0.5, 2 ** 31, '1', null, undefined, {}, { fd: '1' }, { fd: -1 }]) {
    expect(thrownBy(() => checkDescriptor('d', bad))).toEqual(['INVALID_ARGUMENT', 'd']);
  }
});
