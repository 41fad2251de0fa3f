import { BufferPool } from '@pageferry/core';
import { describe, expect, test } from 'vitest';

const MIB = 1024 * 1024;

describe('buffer pool', () => {
  test('buffers are large enough, aligned, and not much larger than asked for', () => {
    const pool = new BufferPool(64 * MIB);
    for (const byteLength of [0, 1, 16, 4095, 4096, 4097, 65_552, MIB, MIB + 16, 16 * MIB + 1]) {
      const buffer = pool.take(byteLength);
      expect(buffer.length).toBeGreaterThanOrEqual(byteLength);
      expect(buffer.length).toBeLessThanOrEqual(byteLength * 1.25 + 1024);
      if (byteLength > 0) expect(buffer.byteOffset % 8).toBe(0);
    }
  });

  test('a buffer that was given back is used for the next message of about its length', () => {
    const pool = new BufferPool(64 * MIB);
    const first = pool.take(MIB + 16);
    pool.giveBack(first);
    expect(pool.take(MIB + 1000) === first).toBe(true);
    expect(pool.take(MIB + 1000) === first).toBe(false);
  });

  test('no more is kept than the limit allows, and nothing after clear', () => {
    const pool = new BufferPool(2 * MIB);
    const buffers = [1, 2, 3].map(() => pool.take(MIB));
    for (const buffer of buffers) pool.giveBack(buffer);
    expect(pool.take(MIB) === buffers[1]).toBe(true);
    pool.giveBack(buffers[1] as Buffer<ArrayBuffer>);
    pool.clear();
    expect(buffers.includes(pool.take(MIB))).toBe(false);
  });
});
