import { copyBytes, copyInPieces, LoopBudget, usePastCache } from '@pageferry/core';
import { afterEach, beforeEach, expect, test } from 'vitest';

const LARGE = 16 * 2 ** 20;

/** The lengths of what went past the cache. */
let past: number[];

beforeEach(() => {
  past = [];
  usePastCache((target, targetOffset, length, source, sourceOffset) => {
    past.push(length);
    target.set(source.subarray(sourceOffset, sourceOffset + length), targetOffset);
    return 0;
  });
});

afterEach(() => usePastCache(() => -1));

function patterned(length: number): Buffer {
  return Buffer.alloc(
    length,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  );
}

test('what no cache holds goes past it, and lands where it belongs', () => {
  const source = patterned(LARGE);
  const target = Buffer.alloc(LARGE + 5);
  copyBytes(target, source, 3);
  expect(past).toEqual([LARGE]);
  expect(target.subarray(3, LARGE + 3).equals(source)).toBe(true);
  expect([...target.subarray(0, 3), ...target.subarray(LARGE + 3)]).toEqual([0, 0, 0, 0, 0]);
});

test('what is shorter goes the usual way', () => {
  const source = patterned(LARGE - 1);
  const target = Buffer.alloc(LARGE);
  copyBytes(target, source, 1);
  expect(past).toEqual([]);
  expect(target.subarray(1).equals(source)).toBe(true);
});

test('where a binding cannot, it is copied all the same', () => {
  usePastCache(() => -38);
  const source = patterned(LARGE);
  const target = Buffer.alloc(LARGE);
  copyBytes(target, source, 0);
  expect(target.equals(source)).toBe(true);
});

test('pieces of what is large go past the cache, too', async () => {
  const source = patterned(LARGE);
  const target = Buffer.alloc(LARGE + 100);
  await copyInPieces({ bytes: target }, [patterned(100), source], new LoopBudget(1000));
  expect(past.reduce((sum, length) => sum + length, 0)).toBe(LARGE);
  expect(target.subarray(100).equals(source)).toBe(true);
  expect(target.subarray(0, 100).equals(patterned(100))).toBe(true);
});
