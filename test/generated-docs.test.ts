import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readPackages } from '../scripts/check-packages.js';
import { exampleOf, readExamples } from '../scripts/example-list.js';
import { BLOCKS, driftedBlocks, withBlock } from '../scripts/generated-docs.js';
import { arrowTable, packageDiagram } from '../scripts/package-arrows.js';

const read = (page: string) => readFileSync(page, 'utf8');
const packages = readPackages('packages');

describe('the parts of the docs that are generated', () => {
  test('are what they would be if they were written now', () => {
    expect(BLOCKS.length).toBeGreaterThan(1);
    expect(driftedBlocks(BLOCKS, read)).toEqual([]);
  });

  test.each(BLOCKS)('a change by hand is reported: $name', (block) => {
    const changed = withBlock(read(block.page), block.name, `${block.render()}\nand more`);
    expect(driftedBlocks([block], () => changed)).toEqual([
      `${block.page}: '${block.name}' has drifted; run \`pnpm docs:write\``,
    ]);
  });

  test.each([
    { name: 'package diagram', render: packageDiagram },
    { name: 'package arrows', render: arrowTable },
  ])('an arrow more in a manifest is reported: $name', ({ name, render }) => {
    const more = packages.map((manifest) =>
      manifest.name === '@pageferry/socket'
        ? { ...manifest, dependencies: { ...manifest.dependencies, '@pageferry/linux': '*' } }
        : manifest,
    );
    const block = { page: 'docs/architecture.md', name, render: () => render(more) };
    expect(driftedBlocks([block], read)).toHaveLength(1);
  });

  test('a page without the block is an error', () => {
    expect(() => withBlock('# A page\n', 'package diagram', '')).toThrow(
      "no block 'package diagram'",
    );
  });
});

describe('the diagram of the packages', () => {
  const manifests = [
    {
      name: '@pageferry/c',
      dependencies: { '@pageferry/b': '*', '@pageferry/a': '*', koffi: '*' },
    },
    { name: '@pageferry/b', dependencies: { '@pageferry/a': '*' } },
    { name: '@pageferry/a', peerDependencies: { '@pageferry/d': '*', vitest: '*' } },
  ];

  test('leaves out what follows from two arrows, and what is not of the workspace', () => {
    expect(packageDiagram(manifests).split('\n')).toEqual([
      '```mermaid',
      'flowchart TD',
      '  a',
      '  a -. if installed .-> d',
      '  b',
      '  b --> a',
      '  c',
      '  c --> b',
      '```',
    ]);
  });

  test('has all of them in its table', () => {
    expect(arrowTable(manifests).split('\n')).toEqual([
      '| package | depends on | uses if installed |',
      '| ------- | ---------- | ----------------- |',
      '| `a`     |            | `d`               |',
      '| `b`     | `a`        |                   |',
      '| `c`     | `a`, `b`   |                   |',
    ]);
  });
});

test('the architecture says of every package what it knows, and of no other', () => {
  const [, rows = ''] =
    /^\| package +\| knows .*\n\|[- |]+\n((?:\|.*\n)+)/m.exec(read('docs/architecture.md')) ?? [];
  const named = [...rows.matchAll(/^\| `((?:@pageferry\/)?[\w-]+)`/gm)].map(
    ([, name = '']) => name,
  );
  expect(named.toSorted()).toEqual(packages.map(({ name }) => name).toSorted());
});

describe('the list of the examples', () => {
  test('has what each says of itself', () => {
    const text = '// Sends: all of it, twice: node sender.mjs ENDPOINT\nsend();\n';
    expect(exampleOf('a/sender.mjs', text)).toEqual({
      path: 'a/sender.mjs',
      sentence: 'Sends: all of it, twice',
      command: 'node sender.mjs ENDPOINT',
    });
    expect(() => exampleOf('a/b.mjs', '// Sends.\n')).toThrow('a/b.mjs');
  });

  test('leaves out what belongs to the tests', () => {
    const paths = readExamples().map(({ path }) => path);
    expect(paths).toContain('video/frames.mjs');
    expect(paths.filter((path) => path.startsWith('test/'))).toEqual([]);
  });
});
