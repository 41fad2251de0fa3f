import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readPackages, unusedArrows, wrongArrows } from '../scripts/check-packages.js';

const packages = readPackages('packages');

describe('the arrows between the packages', () => {
  test('all point the right way', () => {
    expect(packages.length).toBeGreaterThan(0);
    expect(wrongArrows(packages)).toEqual([]);
  });

  test('are all that the table allows', () => {
    expect(unusedArrows(packages)).toEqual([]);
  });

  test('a transport that depends on a binding is reported', () => {
    const broken = { name: '@pageferry/vmsplice', dependencies: { '@pageferry/linux-napi': '*' } };
    expect(wrongArrows([broken])).toEqual([
      '@pageferry/vmsplice must not depend on @pageferry/linux-napi',
    ]);
  });

  test('an optional peer that is not in the table is reported', () => {
    const broken = {
      name: '@pageferry/vmsplice',
      peerDependencies: { '@pageferry/linux-napi': '*' },
    };
    expect(wrongArrows([broken])).toEqual([
      '@pageferry/vmsplice must not have @pageferry/linux-napi as a peer',
    ]);
  });

  test('an arrow that is allowed and not there is reported', () => {
    expect(unusedArrows([{ name: '@pageferry/linux' }])).toEqual([
      '@pageferry/linux may use @pageferry/core, and does not',
    ]);
  });

  test('a package that the table does not know is reported', () => {
    expect(wrongArrows([{ name: '@pageferry/new' }])).toHaveLength(1);
  });
});

test('one file of the mechanisms names a binding: the one with the default of shared memory', () => {
  const files = ['connection', 'shared-mmap', 'socket', 'vmsplice'].flatMap((name) =>
    readdirSync(`packages/${name}/src`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `packages/${name}/src/${file}`),
  );
  expect(files.length).toBeGreaterThan(50);
  const naming = files.filter((file) =>
    /'@pageferry\/linux-(napi|ffi)'/.test(readFileSync(file, 'utf8')),
  );
  expect(naming).toEqual(['packages/shared-mmap/src/binding.ts']);
});
