import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A complete program out of a page.
 *
 * @typedef {object} Program
 * @property {string} page where it is shown, from the repository's root on.
 * @property {string} name for example `shared-mmap/sender`: the page, and what the first line calls it.
 * @property {string} file the name with its extension: as the first line has it, or the block's language.
 * @property {string} source
 */

/** The five parts of the toy transport, which are to be put into one file. */
const PARTS = { page: 'docs/adding-a-backend.md', file: 'toy-transport.ts', count: 5 };

/**
 * The pages that users read.
 *
 * @param {string} root
 */
function pagesOf(root) {
  const readmes = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((folder) => `${parent}/${folder}/README.md`),
  );
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...readmes, ...docs.map((name) => `docs/${name}`)];
}

/**
 * Every program that the pages show: a `js` or `ts` block that imports something. Without an import, it
 * is a fragment.
 *
 * @param {string} root the repository, with a slash at its end.
 * @returns {Program[]}
 */
export function programsOf(root) {
  return pagesOf(root).flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const folder = basename(page) === 'README.md' ? basename(dirname(page)) : basename(page, '.md');
    const blocks = [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)].map(
      ([, extension = '', source = '']) => ({ extension, source }),
    );
    return page === PARTS.page
      ? named(page, folder, withToy(blocks))
      : named(page, folder === '.' ? 'README' : folder, blocks);
  });
}

/**
 * @param {string} page
 * @param {string} folder
 * @param {{ extension: string, source: string }[]} blocks
 * @returns {Program[]}
 */
function named(page, folder, blocks) {
  /** @type {Program[]} */
  const programs = [];
  const taken = new Set();
  for (const { extension, source } of blocks) {
    if (!/^import |^} from /m.test(source)) continue;
    const [, given = `program-${programs.length + 1}`, ending = extension] =
      /^\/\/ (?:.*: node )?([\w.-]+)\.(m?[jt]s)\b/.exec(source) ?? [];
    let name = `${folder}/${given}`;
    for (let count = 2; taken.has(name); count++) name = `${folder}-${count}/${given}`;
    taken.add(name);
    programs.push({ page, name, file: `${name}.${ending}`, source });
  }
  return programs;
}

/** @param {{ extension: string, source: string }[]} blocks */
function withToy(blocks) {
  const from = blocks.findIndex(({ source }) => source.includes('const capabilities'));
  const parts = blocks.slice(from, from + PARTS.count).map(({ source }) => source);
  const source = `// ${PARTS.file}\n${parts.join('\n')}`;
  return [
    ...blocks.slice(0, from),
    { extension: 'ts', source },
    ...blocks.slice(from + PARTS.count),
  ];
}
