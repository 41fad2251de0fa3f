import { copyBytes, copyInPieces, LoopBudget, usePastCache } from '@pageferry/core';
import { afterEach, beforeEach, expect, test } from 'vitest';

const LARGE = 16 * 2 ** 20;

interface Resizable extends ArrayBuffer {
  resize(byteLength: number): void;
}

function resizable(length: number): ArrayBuffer {
  const options = { maxByteLength: 2 * length };
  return new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(length, options);
}

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
  const loan = { bytes: target, byteLength: target.length };
  await copyInPieces(loan, [patterned(100), source], new LoopBudget(1000));
  expect(past.reduce((sum, length) => sum + length, 0)).toBe(LARGE);
  expect(target.subarray(100).equals(source)).toBe(true);
  expect(target.subarray(0, 100).equals(patterned(100))).toBe(true);
});

test.each([
  ['is transferred', (memory: ArrayBuffer) => structuredClone(memory, { transfer: [memory] })],
  ['becomes shorter', (memory: ArrayBuffer) => (memory as Resizable).resize(5 * 2 ** 20)],
  ['becomes longer', (memory: ArrayBuffer) => (memory as Resizable).resize(7 * 2 ** 20)],
])('what %s while it is copied in pieces is not taken for all of it', async (_, change) => {
  const length = 6 * 2 ** 20;
  const memory = resizable(length);
  const loan = { bytes: Buffer.alloc(length + 100), byteLength: length + 100 };
  // With a budget of nothing each piece is copied in a turn of its own.
  const budget = new LoopBudget(0);
  const copying = copyInPieces(loan, [new Uint8Array(memory), patterned(100)], budget);
  change(memory);
  await expect(copying).rejects.toMatchObject({ code: 'BYTES_DETACHED' });
});
