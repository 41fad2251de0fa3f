import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { imagesOf, withSiteLinks } from './links.js';

/** Folders whose Markdown files are pages. */
const FOLDERS = ['docs', 'docs/decisions'];

/** Folders of which the README is a page, and those whose folders have one each. */
const READMES = ['docs/compare', 'docs/examples', 'benchmarks'];
const PARENTS = ['packages', 'apps'];

/**
 * The pages of the site that are written by hand, as paths in the repository.
 *
 * @param {string} root the repository.
 * @returns {string[]}
 */
export function pagesOf(root) {
  const inFolders = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  );
  const folders = [
    ...READMES,
    ...PARENTS.flatMap((parent) =>
      readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
    ),
  ];
  const readmes = folders.map((folder) => `${folder}/README.md`);
  return ['README.md', 'CONTRIBUTING.md', ...inFolders, ...readmes].filter((page) =>
    existsSync(join(root, page)),
  );
}

/**
 * Copies the pages to where the site is built from, with the images that they show. A README is its folder's page.
 *
 * @param {string} root the repository.
 * @param {string} content the folder to write to.
 * @returns {string[]} the pages, as {@link pagesOf}.
 * @throws for a link to what is not there.
 */
export function copyPages(root, content) {
  const pages = pagesOf(root);
  const known = new Set(pages);
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    const target = join(content, page.replace(/README\.md$/, 'index.md'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, withSiteLinks(text, page, root, known));
    for (const image of imagesOf(text, page)) {
      mkdirSync(dirname(join(content, image)), { recursive: true });
      copyFileSync(join(root, image), join(content, image));
    }
  }
  return pages;
}

/**
 * The first heading of a page.
 *
 * @param {string} root
 * @param {string} page
 */
export function titleOf(root, page) {
  const [, title] = /^# (.+)$/m.exec(readFileSync(join(root, page), 'utf8')) ?? [];
  return title ?? page;
}
