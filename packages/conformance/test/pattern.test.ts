import { describe, expect, test } from 'vitest';
import { fillPattern, findMismatch, patterned } from '../dist/transport/peers/pattern.js';

/** A view of `byteLength` bytes that begins `shift` bytes after an aligned address. */
function view(byteLength: number, shift: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(byteLength + 16), shift, byteLength);
}

describe('the pattern of test messages', () => {
  test('is the same however the memory is aligned and cut into parts', () => {
    const whole = patterned(10_000, 7);
    for (const shift of [0, 1, 2, 3, 5]) {
      for (const offset of [0, 1, 2, 3, 4, 4095, 4096]) {
        const part = view(3001, shift);
        fillPattern(part, 7, offset);
        expect(whole.subarray(offset, offset + 3001).equals(part)).toBe(true);
        expect(findMismatch(part, 7, offset)).toBe(-1);
      }
    }
  });

  test('tells of a single wrong byte, and where it is', () => {
    for (const shift of [0, 1, 3]) {
      for (const at of [0, 1, 2, 3, 4, 500, 2998, 2999, 3000]) {
        const bytes = view(3001, shift);
        fillPattern(bytes, 3);
        bytes[at] = (bytes[at] as number) ^ 0x10;
        expect(findMismatch(bytes, 3)).toBe(at);
      }
    }
  });

  test('tells of messages and pages that were swapped', () => {
    const bytes = patterned(16 * 4096, 5);
    expect(findMismatch(bytes, 6)).toBeGreaterThanOrEqual(0);
    expect(findMismatch(bytes, 5, 4096)).toBeGreaterThanOrEqual(0);
    const page = Buffer.from(bytes.subarray(4096, 8192));
    bytes.copyWithin(4096, 8192, 12_288);
    page.copy(bytes, 8192);
    // Every word of a swapped page is wrong, though not every byte of it.
    expect(findMismatch(bytes, 5)).toBeGreaterThanOrEqual(4096);
    expect(findMismatch(bytes, 5)).toBeLessThan(4100);
    expect(findMismatch(bytes.subarray(8192), 5, 8192)).toBeLessThan(4);
    expect(findMismatch(bytes.subarray(12_288), 5, 12_288)).toBe(-1);
  });

  test('goes on beyond what fits into its scratch memory', () => {
    const bytes = view(1_000_003, 1);
    fillPattern(bytes, 0, 2);
    expect(findMismatch(bytes, 0, 2)).toBe(-1);
    bytes[999_999] = (bytes[999_999] as number) ^ 1;
    expect(findMismatch(bytes, 0, 2)).toBe(999_999);
  });

  test('of no bytes at all is right', () => {
    expect(findMismatch(new Uint8Array(0), 12)).toBe(-1);
    expect(findMismatch(new Uint8Array(0), 12, 3)).toBe(-1);
  });
});
