import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

/** The TypeScript files of a folder, at any depth. */
function sourcesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`);
}

test('one file of the mechanisms names a binding: the one with the default of shared memory', () => {
  const files = ['connection', 'shared-mmap', 'socket', 'vmsplice'].flatMap((name) =>
    sourcesIn(`packages/${name}/src`),
  );
  expect(files.length).toBeGreaterThan(50);
  const naming = files.filter((file) =>
    /'@pageferry\/linux-(napi|ffi)'/.test(readFileSync(file, 'utf8')),
  );
  expect(naming).toEqual(['packages/shared-mmap/src/binding.ts']);
});

test('nobody imports a binding while a program runs, but those who hand it to the loader of bindings', () => {
  const files = ['packages', 'apps'].flatMap((folder) =>
    readdirSync(folder).flatMap((name) => sourcesIn(`${folder}/${name}/src`)),
  );
  expect(files.length).toBeGreaterThan(200);
  const importing = files.filter((file) =>
    /import\(\s*'@pageferry\/linux-(napi|ffi)'/.test(readFileSync(file, 'utf8')),
  );
  // By names that are written out, so that bundlers find them.
  expect(importing).toEqual([
    'packages/doctor/src/bindings/bindings.ts',
    'packages/fd-socket/src/binding.ts',
    'packages/shared-mmap/src/binding.ts',
  ]);
});
