import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPackages } from '../scripts/check-packages.js';
import { BUDGETS, bytesOf, inKilobytes, measure, ownBytes } from '../scripts/size-budgets.js';

describe('budgets of bytes', () => {
  const rows = measure(readPackages('packages'));

  test('every published package has one', () => {
    expect(Object.keys(BUDGETS).toSorted()).toEqual(rows.map(({ name }) => name).toSorted());
  });

  test.each(rows)('$name is within its own', ({ name, alone, total }) => {
    expect(alone).toBeGreaterThan(0);
    expect(alone).toBeLessThanOrEqual(BUDGETS[name]?.alone ?? 0);
    expect(total).toBeGreaterThanOrEqual(alone);
    expect(total).toBeLessThanOrEqual(BUDGETS[name]?.total ?? 0);
  });

  test('what comes with a package counts, of others as well', () => {
    const of = (name: string) => rows.find((row) => row.name === name)?.total ?? 0;
    expect(of('@pageferry/linux')).toBeGreaterThan(of('@pageferry/core'));
    // koffi's part for this processor is larger than all of ours.
    expect(of('@pageferry/linux-ffi') - of('@pageferry/linux')).toBeGreaterThan(1000);
  });
});

describe('the bytes of a package', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pf-sizes-'));
    mkdirSync(join(folder, 'dist/deep'), { recursive: true });
    writeFileSync(join(folder, 'dist/deep/a.js'), 'x'.repeat(1000));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('are those of the files that it publishes', () => {
    const manifest = JSON.stringify({ files: ['dist', '!**/*.tsbuildinfo', 'not-there'] });
    writeFileSync(join(folder, 'package.json'), manifest);
    writeFileSync(join(folder, 'dist/.tsbuildinfo'), 'x'.repeat(500));
    writeFileSync(join(folder, 'unpublished.js'), 'x'.repeat(500));
    expect(ownBytes(folder)).toBe(1000 + manifest.length);
  });

  test('are those of files below a folder that end as it says', () => {
    writeFileSync(join(folder, 'dist/deep/a.d.ts'), 'x'.repeat(70));
    writeFileSync(join(folder, 'dist/b.d.ts'), 'x'.repeat(7));
    const manifest = JSON.stringify({ files: ['dist/**/*.d.ts'] });
    writeFileSync(join(folder, 'package.json'), manifest);
    expect(ownBytes(folder)).toBe(77 + manifest.length);
  });

  test('are not those behind links', () => {
    symlinkSync('dist', join(folder, 'link'));
    expect(bytesOf(folder)).toBe(1000);
  });

  test('are rounded up', () => {
    expect([0, 1, 1000, 1001].map(inKilobytes)).toEqual([0, 1, 1, 2]);
  });
});
