import { describe, expect, test } from 'vitest';
import { readPackages, wrongArrows } from '../scripts/check-packages.js';

const packages = readPackages('packages');

describe('the arrows between the packages', () => {
  test('all point the right way', () => {
    expect(packages.length).toBeGreaterThan(0);
    expect(wrongArrows(packages)).toEqual([]);
  });

  test('a transport that depends on a binding is reported', () => {
    const broken = { name: '@pageferry/vmsplice', dependencies: { '@pageferry/linux-napi': '*' } };
    expect(wrongArrows([broken])).toEqual([
      '@pageferry/vmsplice must not depend on @pageferry/linux-napi',
    ]);
  });

  test('a package that the table does not know is reported', () => {
    expect(wrongArrows([{ name: '@pageferry/new' }])).toHaveLength(1);
  });
});
