import { describe, expect, test } from 'vitest';
import { combineRounds, largest, quantilesOf, ratios, spread } from '../dist/statistics.js';

describe('a spread', () => {
  test('is minimum, median and maximum, in whatever order the figures come', () => {
    expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spread([4, 1])).toEqual({ min: 1, median: 2.5, max: 4 });
  });
});

describe('figures of several series', () => {
  test('are combined within each round', () => {
    const series = [
      [1, 2],
      [10, 20],
      [100, 200],
    ];
    expect(combineRounds(series, (...all) => all.reduce((a, b) => a + b))).toEqual([111, 222]);
  });

  test('are compared within each round, so that a slow spell cancels out', () => {
    expect(ratios([4, 40, 4], [2, 20, 2])).toEqual([2, 2, 2]);
  });

  test('are not compared in rounds that one of them has not', () => {
    expect(ratios([4, undefined, 6], [2, 2])).toEqual([2]);
    expect(ratios([undefined, 4], [2, undefined])).toEqual([]);
    expect(ratios([1], [])).toEqual([]);
  });
});

describe('the largest series', () => {
  test('is the one with the largest median, not with the largest figure', () => {
    const [lucky, steady] = [
      [1, 1, 99],
      [2, 2, 2],
    ];
    expect(largest([lucky, steady])).toBe(steady);
  });

  test('is found among those that have a figure', () => {
    expect(largest([[], [undefined], [undefined, 1]])).toEqual([undefined, 1]);
    expect(largest([[], [undefined]])).toBeUndefined();
  });
});

test('quantiles are in their order, and whole numbers', () => {
  const times = Float64Array.from({ length: 1001 }, (_, index) => 1000.4 - index);
  expect(quantilesOf(times)).toEqual({ p50: 500, p99: 990, p999: 999 });
});
