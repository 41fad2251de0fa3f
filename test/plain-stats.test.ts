import { describe, expect, test } from 'vitest';
import { checkStats, plainStats } from '../scripts/check-stats.js';

describe('a plain stat, after which Node 20 and 22 resolve no symbolic links (11.23)', () => {
  test('is in no package', () => {
    const { count, wrong } = checkStats();
    expect(count).toBeGreaterThan(100);
    expect(wrong).toEqual([]);
  });

  test.each([
    [
      "import { statSync } from 'node:fs';\n\nstatSync(path);",
      'x.ts:3: statSync without bigint: true',
    ],
    ['lstatSync(path, { throwIfNoEntry: false })', 'x.ts:1: lstatSync without bigint: true'],
    ['fs.fstatSync(fd)', 'x.ts:1: fstatSync without bigint: true'],
    ["import { stat } from 'node:fs';", 'x.ts:1: stat of node:fs'],
    ['fs.stat(path, callback)', 'x.ts:1: stat without bigint: true'],
    ['rmSync(folder, { recursive: true })', 'x.ts:1: rmSync, which makes a plain lstat'],
  ])('is reported: %s', (text, problem) => {
    expect(plainStats('x.ts', text)).toEqual([problem]);
  });

  test.each([
    'lstatSync(path, { bigint: true, throwIfNoEntry: false })',
    'statSync(join(folder, name), {\n  bigint: true,\n})',
    'calls.fstat(fd, status)',
    "import { stat } from 'node:fs/promises';\nawait stat(path);",
    'unlinkSync(path)',
  ])('is not: %s', (text) => {
    expect(plainStats('x.ts', text)).toEqual([]);
  });
});
