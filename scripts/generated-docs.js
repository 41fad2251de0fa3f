// Writes the parts of the docs that follow from the repository: the arrows between the packages, the
// index of the decisions, and the list of the examples. With `--check` it writes nothing, and fails where a page says something else.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { readPackages } from './check-packages.js';
import { decisionIndex, readDecisions } from './decisions.js';
import { exampleTable, readExamples } from './example-list.js';
import { arrowTable, packageDiagram } from './package-arrows.js';
import { budgetTable } from './size-budgets.js';

/**
 * A part of a page, between the comments `<!-- begin NAME … -->` and `<!-- end NAME -->`.
 *
 * @typedef {object} Block
 * @property {string} page
 * @property {string} name
 * @property {() => string} render
 */

/** @type {readonly Block[]} */
export const BLOCKS = [
  {
    page: 'docs/architecture.md',
    name: 'package diagram',
    render: () => packageDiagram(readPackages('packages')),
  },
  {
    page: 'docs/architecture.md',
    name: 'package arrows',
    render: () => arrowTable(readPackages('packages')),
  },
  { page: 'docs/installing.md', name: 'budgets', render: budgetTable },
  {
    page: 'docs/decisions/README.md',
    name: 'index',
    render: () => decisionIndex(readDecisions('docs/decisions')),
  },
  {
    page: 'docs/examples/README.md',
    name: 'list',
    render: () => exampleTable(readExamples()),
  },
];

/**
 * A page with the text of a block put in.
 *
 * @param {string} text
 * @param {string} name
 * @param {string} content
 * @returns {string}
 */
export function withBlock(text, name, content) {
  const [, before, after] =
    new RegExp(`^(.*<!-- begin ${name}\\b[^\\n]*-->\\n).*?(<!-- end ${name} -->.*)$`, 's').exec(
      text,
    ) ?? [];
  if (before === undefined) throw new Error(`there is no block '${name}'`);
  return `${before}\n${content}\n\n${after}`;
}

/**
 * The blocks that are not what they would be if they were written now, as sentences.
 *
 * @param {readonly Block[]} blocks
 * @param {(page: string) => string} read
 * @returns {string[]}
 */
export function driftedBlocks(blocks, read) {
  return blocks
    .filter(({ page, name, render }) => withBlock(read(page), name, render()) !== read(page))
    .map(({ page, name }) => `${page}: '${name}' has drifted; run \`pnpm docs:write\``);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const read = (/** @type {string} */ page) => readFileSync(page, 'utf8');
  if (process.argv.includes('--check')) {
    const drifted = driftedBlocks(BLOCKS, read);
    for (const line of drifted) process.stderr.write(`${line}\n`);
    if (drifted.length > 0) process.exit(1);
    process.stdout.write(`${BLOCKS.length} generated parts of the docs: all are up to date\n`);
  } else {
    for (const { page, name, render } of BLOCKS) {
      writeFileSync(page, withBlock(read(page), name, render()));
    }
  }
}
