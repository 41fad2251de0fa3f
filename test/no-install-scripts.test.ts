import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { folderOf, readPackages } from '../scripts/check-packages.js';

/** What a package manager runs, or takes for something to compile. */
const AT_INSTALLATION = ['preinstall', 'install', 'postinstall'];

describe('nothing is run where a package is installed', () => {
  const manifests = ['packages', 'packages/linux-napi/npm']
    .flatMap(readPackages)
    .filter((manifest) => manifest.private !== true);

  test.each(manifests.map((manifest) => [manifest.name, manifest]))('%s', (name, manifest) => {
    expect(Object.keys(manifest.scripts).filter((each) => AT_INSTALLATION.includes(each))).toEqual(
      [],
    );
    const folder = folderOf(name);
    expect(existsSync(`${folder}/package.json`)).toBe(true);
    expect(existsSync(`${folder}/binding.gyp`)).toBe(false);
  });

  test('nor of what they depend on: koffi has a script, and its parts have none', () => {
    const shipped = manifests.flatMap(({ dependencies, optionalDependencies }) =>
      Object.keys({ ...dependencies, ...optionalDependencies }),
    );
    expect(shipped).not.toContain('koffi');
    const part = `packages/linux-ffi/node_modules/@koromix/koffi-linux-${process.arch}`;
    const { scripts = {} } = JSON.parse(readFileSync(`${part}/package.json`, 'utf8'));
    expect(Object.keys(scripts)).toEqual([]);
  });
});
