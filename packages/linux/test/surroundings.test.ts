import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileOfPackage, requireFrom, resolveFrom, surroundingsOf } from '@pageferry/linux';
import { afterAll, describe, expect, test } from 'vitest';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pf-surroundings-')));
const own = join(folder, 'node_modules/own');
const module = join(own, 'dist/parts/module.js');
const bundle = join(folder, 'dist/bundle.js');
const urlOf = (path: string): string => pathToFileURL(path).href;

mkdirSync(join(own, 'dist/parts'), { recursive: true });
mkdirSync(join(folder, 'dist'));
writeFileSync(join(folder, 'package.json'), '{ "name": "project" }');
writeFileSync(join(own, 'package.json'), '{ "name": "own" }');
writeFileSync(join(own, 'dist/package.json'), '{ "type": "commonjs" }');
writeFileSync(join(own, 'index.js'), "module.exports = 'of own';");
writeFileSync(module, '');
writeFileSync(bundle, '');
afterAll(() => rmSync(folder, { recursive: true }));

describe('where a module is', () => {
  test('is in its package, whatever else is on the way to its manifest', () => {
    expect(surroundingsOf('own', urlOf(module))).toEqual({ folder: own, places: [module] });
  });

  test('is in the bundle that it was put into, and beside the program', () => {
    const { folder: found, places } = surroundingsOf('own', urlOf(bundle));
    expect(found).toBeUndefined();
    expect(places[0]).toBe(bundle);
    expect(places).toContain(process.argv[1]);
  });

  test.each([
    ['undefined, as bundlers have it that write CommonJS', undefined],
    ['a file of another machine', urlOf('/nowhere/node_modules/own/dist/module.js')],
    ['no file', 'data:text/javascript,1'],
  ])('is not known by a URL that is %s', (_, url) => {
    const { folder: found, places } = surroundingsOf('own', url);
    expect(found).toBeUndefined();
    expect(places).toContain(process.argv[1]);
  });
});

describe('a file beside a module', () => {
  test('is there where the package is', () => {
    expect(fileOfPackage('own', module)).toBe(module);
  });

  test.each([
    ['that was left behind', join(own, 'dist/parts/other.js')],
    ['of a bundle', bundle],
    ['of a bundle without import.meta', 'undefined/bundle.js'],
  ])('is not there: one %s', (_, path) => {
    expect(fileOfPackage('own', path)).toBeUndefined();
  });
});

test('a file of a package is found from the first place that knows it', () => {
  const elsewhere = join(tmpdir(), 'elsewhere.js');
  expect(resolveFrom([elsewhere, bundle], 'own/index.js')).toBe(join(own, 'index.js'));
  expect(resolveFrom([elsewhere, bundle], 'own/none.js')).toBeUndefined();
  expect(resolveFrom([], 'own')).toBeUndefined();
});

test('a package is required from the place where it is looked for', () => {
  expect(requireFrom(bundle)('own')).toBe('of own');
  expect(() => requireFrom(join(tmpdir(), 'elsewhere.js'))('own')).toThrow(/Cannot find module/);
});
