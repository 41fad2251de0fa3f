import { describe, expect, test } from 'vitest';
import { alignUp, Ranges } from '../dist/memory/ranges.js';
import { seededRandom } from './support/random.js';

describe('free ranges', () => {
  test('that touch become one, in whatever order they come', () => {
    const ranges = new Ranges();
    ranges.add([
      { offset: 128, byteLength: 64 },
      { offset: 0, byteLength: 64 },
    ]);
    expect(ranges.take(128, 64)).toBe(-1);
    ranges.add([{ offset: 64, byteLength: 64 }]);
    expect(ranges.take(192, 64)).toBe(0);
    expect(ranges.byteLength).toBe(0);
  });

  test('are taken from the smallest that is large enough', () => {
    const ranges = new Ranges();
    ranges.add([
      { offset: 0, byteLength: 4096 },
      { offset: 8192, byteLength: 256 },
      { offset: 16384, byteLength: 128 },
    ]);
    expect(ranges.take(192, 64)).toBe(8192);
    expect(ranges.take(192, 64)).toBe(0);
  });

  test('leave what comes before an aligned place to others', () => {
    const ranges = new Ranges();
    ranges.add([{ offset: 64, byteLength: 8128 }]);
    expect(ranges.take(4096, 4096)).toBe(4096);
    expect(ranges.take(4096, 4096)).toBe(-1);
    expect(ranges.take(4032, 64)).toBe(64);
    expect(ranges.byteLength).toBe(0);
  });

  test('give up the last one where it ends the memory in use', () => {
    const ranges = new Ranges();
    ranges.add([
      { offset: 0, byteLength: 64 },
      { offset: 256, byteLength: 64 },
    ]);
    expect(ranges.takeLast(1024)).toBe(1024);
    expect(ranges.takeLast(320)).toBe(256);
    expect(ranges.byteLength).toBe(64);
  });

  test('are counted exactly beyond 32 bits', () => {
    expect(alignUp(2 ** 33 + 1, 4096)).toBe(2 ** 33 + 4096);
    const ranges = new Ranges();
    ranges.add([{ offset: 0, byteLength: 2 ** 33 }]);
    expect([ranges.take(2 ** 32, 4096), ranges.take(64, 64)]).toEqual([0, 2 ** 32]);
  });

  test.each([1, 2, 3])('never overlap and never get lost, whatever is taken (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const total = 1 << 20;
    const ranges = new Ranges();
    ranges.add([{ offset: 0, byteLength: total }]);
    const taken: { offset: number; byteLength: number }[] = [];
    for (let step = 0; step < 5000; step++) {
      if (random(100) < 55) {
        const alignment = random(2) === 0 ? 64 : 4096;
        const byteLength = alignUp(1 + random(40_000), alignment);
        const offset = ranges.take(byteLength, alignment);
        if (offset < 0) continue;
        expect(offset % alignment).toBe(0);
        expect(offset + byteLength).toBeLessThanOrEqual(total);
        const clash = taken.find(
          (other) => offset < other.offset + other.byteLength && other.offset < offset + byteLength,
        );
        expect(clash).toBeUndefined();
        taken.push({ offset, byteLength });
      } else {
        ranges.add(taken.splice(random(taken.length + 1), 1 + random(3)));
      }
      const held = taken.reduce((sum, range) => sum + range.byteLength, 0);
      expect(ranges.byteLength + held).toBe(total);
    }
    ranges.add(taken);
    expect(ranges.take(total, 4096)).toBe(0);
  });
});
