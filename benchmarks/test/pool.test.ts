import { describe, expect, test } from 'vitest';
import { measurePools, poolAims } from '../dist/messages/pool.js';

describe('the comparison of pools', () => {
  test('has a figure for each subject and round', { timeout: 120_000 }, async () => {
    const lines: string[] = [];
    const measured = await measurePools(2, { log: (line) => lines.push(line) });
    expect(lines).toEqual([
      'round 1 of 2: pool-8mb, pool-empty',
      'round 2 of 2: pool-8mb, pool-empty',
    ]);
    expect(measured.map(({ question, subject }) => `${question}: ${subject}`)).toEqual([
      'pool-8mb: processes',
      'pool-8mb: threads',
      'pool-8mb: processes, copied',
      'pool-empty: processes',
      'pool-empty: threads',
    ]);
    for (const { question, ratios } of measured) {
      expect(poolAims.has(question)).toBe(true);
      expect(ratios).toHaveLength(2);
      for (const ratio of ratios) expect(ratio).toBeGreaterThan(0);
    }
  });

  test('measures what is asked for alone', { timeout: 60_000 }, async () => {
    const measured = await measurePools(1, { asked: ['pool-empty'] });
    expect(new Set(measured.map(({ question }) => question))).toEqual(new Set(['pool-empty']));
  });
});
