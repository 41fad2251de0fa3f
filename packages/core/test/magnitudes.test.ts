import { describe, expect, test } from 'vitest';
import { addedUp, Magnitudes, microseconds } from '../dist/diagnostics/magnitudes.js';

/** The buckets that have something, by their bounds. */
function filled({ bounds, counts }: ReturnType<Magnitudes['snapshot']>): Record<number, number> {
  const pairs = bounds.map((bound, bucket) => [bound, counts[bucket] ?? 0] as const);
  return Object.fromEntries(pairs.filter(([, count]) => count > 0));
}

describe('a histogram', () => {
  test('has a bucket for nothing, and one for each number of bits', () => {
    const magnitudes = new Magnitudes();
    for (const value of [0, 1, 2, 3, 4, 255, 256, 2 ** 31, 2 ** 32 - 1]) magnitudes.add(value);
    const snapshot = magnitudes.snapshot();
    expect(filled(snapshot)).toEqual({
      0: 1,
      1: 1,
      3: 2,
      7: 1,
      255: 1,
      511: 1,
      [2 ** 32 - 1]: 2,
    });
    expect(snapshot).toMatchObject({
      count: 9,
      sum: 521 + 2 ** 31 + 2 ** 32 - 1,
      max: 2 ** 32 - 1,
    });
  });

  test('has what is too large in its last bucket, and adds it up all the same', () => {
    const magnitudes = new Magnitudes();
    magnitudes.add(2 ** 40);
    expect(filled(magnitudes.snapshot())).toEqual({ [2 ** 32 - 1]: 1 });
    expect(magnitudes.snapshot()).toMatchObject({ sum: 2 ** 40, max: 2 ** 40 });
  });

  test('cuts off what is behind the point, and takes a clock that stands still for no time', () => {
    const magnitudes = new Magnitudes();
    magnitudes.add(0.9);
    magnitudes.add(1.9);
    magnitudes.addSince(microseconds() + 1e9);
    expect(filled(magnitudes.snapshot())).toEqual({ 0: 2, 1: 1 });
    expect(magnitudes.snapshot()).toMatchObject({ count: 3, sum: 1, max: 1 });
  });

  test('is a snapshot: what is counted later is in a later one', () => {
    const magnitudes = new Magnitudes();
    const before = magnitudes.snapshot();
    magnitudes.add(5);
    expect(before).toMatchObject({ count: 0, sum: 0, max: 0 });
    expect(filled(before)).toEqual({});
    expect(filled(magnitudes.snapshot())).toEqual({ 7: 1 });
  });

  test('of several is what one would be that had counted all of it', () => {
    const [one, two, both] = [new Magnitudes(), new Magnitudes(), new Magnitudes()];
    for (const value of [0, 5, 900]) one.add(value);
    for (const value of [6, 1e6]) two.add(value);
    for (const value of [0, 5, 900, 6, 1e6]) both.add(value);
    expect(addedUp([one.snapshot(), two.snapshot()])).toEqual(both.snapshot());
    expect(addedUp([])).toEqual(new Magnitudes().snapshot());
  });
});
