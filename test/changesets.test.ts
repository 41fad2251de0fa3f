import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { checkChangesets, unspokenOf, wrongChangeset } from '../scripts/check-changesets.js';
import { readPackages } from '../scripts/check-packages.js';

const PACKAGES = ['@pageferry/core'];

describe('versions', () => {
  const folders = ['packages', 'packages/linux-napi/npm', 'apps', 'docs', 'test', '.'];
  const manifests = folders.flatMap(readPackages);
  const { fixed, ignore } = JSON.parse(readFileSync('.changeset/config.json', 'utf8'));
  const [group = []]: string[][] = fixed;

  test('are the same for everything that is published, by one rule', () => {
    expect(fixed).toHaveLength(1);
    expect(group.filter((name) => !name.startsWith('!'))).toEqual(['pageferry', '@pageferry/*']);
    const published = manifests.filter((manifest) => manifest.private !== true);
    expect(new Set(published.map(({ version }) => version)).size).toBe(1);
    for (const { name } of published) expect(name).toMatch(/^(@pageferry\/.+|pageferry)$/);
  });

  test('are of no interest for what is private', () => {
    const names = manifests
      .filter(({ name, private: isPrivate }) => isPrivate && name.startsWith('@pageferry/'))
      .map(({ name }) => name)
      .toSorted();
    expect(ignore.toSorted()).toEqual(names);
    expect(group.filter((name) => name.startsWith('!')).toSorted()).toEqual(
      names.map((name) => `!${name}`).toSorted(),
    );
  });
});

describe('the text of a changelog', () => {
  const { getReleaseLine, getDependencyReleaseLine } = createRequire(import.meta.url)(
    '../.changeset/changelog.cjs',
  ).default;

  test('is the changeset, indented where it goes on', async () => {
    const line = await getReleaseLine({ summary: 'One.\n\n- two\n- three\n' });
    expect(line).toBe('- One.\n\n  - two\n  - three');
  });

  test('does not list what it depends on', async () => {
    expect(await getDependencyReleaseLine()).toBe('');
  });
});

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

  test('speak of every package that has its first release', () => {
    const text = "---\n'spoken-of': minor\n---\n\nThe first release.\n";
    const named = (name: string, version = '0.0.0') => ({ name, version });
    const manifests = [
      named('spoken-of'),
      named('forgotten'),
      named('released', '0.1.0'),
      { ...named('ours'), private: true },
    ];
    expect(unspokenOf([text], manifests)).toEqual([
      'forgotten has no release yet, and no changeset says what its first one is',
    ]);
  });
});
