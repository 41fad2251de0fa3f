import { describe, expect, test } from 'vitest';
import { checkChangesets, wrongChangeset } from '../scripts/check-changesets.js';

const PACKAGES = ['@pageferry/core'];

describe('changesets', () => {
  test('those of the workspace name its packages', () => {
    expect(checkChangesets().wrong).toEqual([]);
  });

  test('a good one passes', () => {
    expect(wrongChangeset("---\n'@pageferry/core': patch\n---\n\nFaster.\n", PACKAGES)).toBe(
      undefined,
    );
  });

  test.each([
    ["---\n\n## '@pageferry/core': patch\n\nFaster.\n", 'what a formatter makes of one'],
    ['---\n---\n\nFaster.\n', 'no package'],
    ["---\n'@pageferry/core': patch\n---\n", 'no words'],
    ["---\n'@pageferry/cor': patch\n---\n\nFaster.\n", 'a package that there is not'],
  ])('%j is reported: %s', (text) => {
    expect(wrongChangeset(text, PACKAGES)).toMatch(/./);
  });
});
