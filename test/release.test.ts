import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readPackages } from '../scripts/check-packages.js';
import { faultsOfManifest } from '../scripts/manifests.js';
import { faultsOfBuild, namedFiles } from '../scripts/release/build-output.js';
import { plainEnvironment, pnpmCommand } from '../scripts/release/commands.js';
import { inOrderOfRelease, neededBy } from '../scripts/release/order.js';
import { faultsOf } from '../scripts/release/tarball.js';

describe('the order of a release', () => {
  const named = (name: string, ...needs: readonly string[]) => ({
    name,
    version: '1.0.0',
    dependencies: Object.fromEntries(needs.map((need) => [need, '1.0.0'])),
  });
  const names = (manifests: readonly { readonly name: string }[]) =>
    manifests.map(({ name }) => name);

  test('has each package after those that it depends on', () => {
    const order = names(inOrderOfRelease([named('c', 'a', 'b'), named('b', 'a'), named('a')]));
    expect(order).toEqual(['a', 'b', 'c']);
  });

  test('has no package that is private', () => {
    expect(inOrderOfRelease([{ ...named('a'), private: true }])).toEqual([]);
  });

  test('cannot be had of packages that depend on each other', () => {
    expect(() => inOrderOfRelease([named('a', 'b'), named('b', 'a')])).toThrow('depend on each');
  });

  test('can be had of one package and those that it needs', () => {
    const all = [named('a'), named('b', 'a'), named('c', 'b', 'elsewhere'), named('d', 'a')];
    expect(names(neededBy(all, 'c'))).toEqual(['a', 'b', 'c']);
  });
});

describe('other programs', () => {
  afterEach(() => vi.unstubAllEnvs());

  test.each([
    ['/somewhere/pnpm', ['/somewhere/pnpm']],
    ['/somewhere/pnpm.cjs', [process.execPath, '/somewhere/pnpm.cjs']],
    ['/somewhere/npm-cli.js', ['npx', '-y', 'pnpm@12']],
    ['', ['npx', '-y', 'pnpm@12']],
  ])('pnpm is the one that has started this, if one has: %j', (path, command) => {
    vi.stubEnv('npm_execpath', path);
    vi.stubEnv('npm_config_user_agent', 'pnpm/12.0.0 npm/? node/? linux x64'); // npx leaves it.
    expect(pnpmCommand()).toEqual(command);
  });

  test('do not get the settings of the package manager that has started this', () => {
    vi.stubEnv('npm_config_registry', 'http://elsewhere.invalid/');
    vi.stubEnv('PNPM_HOME', '/somewhere');
    vi.stubEnv('KEPT', 'yes');
    const env = plainEnvironment({ ADDED: 'yes' });
    expect(env).toMatchObject({ KEPT: 'yes', ADDED: 'yes' });
    expect(Object.keys(env).filter((name) => /^(npm|pnpm)_/i.test(name))).toEqual([]);
  });
});

describe('a build', () => {
  let folder = '';
  afterEach(() => rmSync(folder, { recursive: true }));

  function faultsWith(...files: readonly string[]) {
    folder = mkdtempSync(join(tmpdir(), 'pf-build-'));
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), '');
    }
    return faultsOfBuild(folder);
  }

  test('is whole if each source has its module and its types', () => {
    const made = ['dist/deep/a.js', 'dist/deep/a.d.ts', 'dist/deep/a.js.map', 'dist/.tsbuildinfo'];
    expect(faultsWith('src/deep/a.ts', ...made)).toEqual([]);
  });

  test('is not whole without', () => {
    expect(faultsWith('src/a.ts', 'dist/a.js')).toEqual(['dist/a.d.ts is missing']);
  });

  test('is nothing where there is no dist', () => {
    expect(faultsWith('src/a.ts')).toEqual(['dist/a.js is missing', 'dist/a.d.ts is missing']);
  });

  test('is not whole with what is left of a source that is gone', () => {
    expect(faultsWith('dist/a.js')).toEqual(['dist/a.js has no source']);
  });
});

describe('a tarball', () => {
  const manifest = {
    name: 'a',
    version: '1.0.0',
    bin: { a: './dist/command.js' },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
    dependencies: { b: '^1.0.0' },
  };
  const files = [
    ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'],
    ...['dist/command.js', 'dist/index.js', 'dist/index.d.ts'],
  ];

  test('may be published if it has all that its manifest names', () => {
    expect(faultsOf(manifest, files)).toEqual([]);
    expect(namedFiles(manifest)).toEqual(['dist/command.js', 'dist/index.d.ts', 'dist/index.js']);
  });

  test.each(files)('may not be published without %s', (file) => {
    const rest = files.filter((each) => each !== file);
    expect(faultsOf(manifest, rest)).toEqual([`${file} is missing`]);
  });

  test.each([
    [{ version: '0.0.0' }, 'it has no version'],
    [{ dependencies: { b: 'workspace:^' } }, 'b is wanted as workspace:^, which nobody else has'],
    [{ peerDependencies: { b: 'link:../b' } }, 'b is wanted as link:../b, which nobody else has'],
  ])('may not be published with %j', (change, fault) => {
    expect(faultsOf({ ...manifest, ...change }, files)).toEqual([fault]);
  });

  test("may not be published with the compiler's notes", () => {
    const fault = 'dist/.tsbuildinfo is for the build alone';
    expect(faultsOf(manifest, [...files, 'dist/.tsbuildinfo'])).toEqual([fault]);
  });
});

describe('the manifest of a published package', () => {
  const core = readPackages('packages').find(({ name }) => name === '@pageferry/core');

  test('is in order', () => {
    expect(faultsOfManifest(core, 'packages/core')).toEqual([]);
  });

  test.each([
    ...['keywords', 'homepage', 'bugs', 'author', 'license', 'repository', 'engines'],
    ...['description', 'files', 'scripts', 'sideEffects'],
  ])('is not without %s', (key) => {
    expect(faultsOfManifest({ ...core, [key]: undefined }, 'packages/core')).not.toEqual([]);
  });
});
