import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Where the repository's files can be read that are no pages of the site. */
export const REPOSITORY = 'https://github.com/pageferry/pageferry';

/** `](target)`, `](target "title")`: links and images, which differ in what comes before. */
const LINK = /(!?)(\[(?:[^[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)/g;

/**
 * A page with its links as the site needs them: to a page by its place on the site, to any other file where the
 * repository shows it. Images stay as they are, and lie beside the page.
 *
 * @param {string} text Markdown.
 * @param {string} page its path in the repository.
 * @param {string} root the repository.
 * @param {ReadonlySet<string>} pages the paths of all pages.
 * @returns {string}
 * @throws for a link to what is not there.
 */
export function withSiteLinks(text, page, root, pages) {
  return outsideCode(text, (prose) =>
    prose.replace(LINK, (whole, image, words, target) => {
      const inner = withSiteLinks(words, page, root, pages);
      if (image !== '' || /^([a-z]+:|#)/i.test(target)) return `${image}${inner}(${target})`;
      const [path = '', fragment] = target.split('#');
      const place = posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, '');
      if (place.startsWith('..') || !existsSync(join(root, place))) {
        throw new Error(`${page}: there is nothing at ${whole}`);
      }
      return `${inner}(${addressOf(place, root, pages)}${fragment === undefined ? '' : `#${fragment}`})`;
    }),
  );
}

/**
 * @param {string} place a path in the repository.
 * @param {string} root
 * @param {ReadonlySet<string>} pages
 */
function addressOf(place, root, pages) {
  if (pages.has(place)) return siteAddress(place);
  const readme = posix.join(place, 'README.md');
  if (pages.has(readme)) return siteAddress(readme);
  const kind = statSync(join(root, place), { bigint: true }).isDirectory() ? 'tree' : 'blob';
  return `${REPOSITORY}/${kind}/main/${place}`;
}

/**
 * Where a page is on the site.
 *
 * @param {string} page its path in the repository.
 */
export function siteAddress(page) {
  if (page === 'README.md') return '/';
  return `/${page.replace(/(^|\/)README\.md$/, '$1').replace(/\.md$/, '')}`;
}

/**
 * The images that a page shows, as paths in the repository.
 *
 * @param {string} text
 * @param {string} page
 * @returns {string[]}
 */
export function imagesOf(text, page) {
  const images = text.matchAll(/!\[[^\]]*\]\(([^()\s]+)\)/g);
  return [...images]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/i.test(target))
    .map((target) => posix.join(posix.dirname(page), target));
}

/**
 * The fragment by which a heading is linked to: as GitHub makes it, so that a link holds in both places.
 *
 * @param {string} heading its words, without marks.
 */
export function slug(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

/**
 * The fragments of all headings of a page. Of several that are alike, the later ones have a number.
 *
 * @param {string} text Markdown.
 * @returns {Set<string>}
 */
export function fragmentsOf(text) {
  const fragments = new Set();
  outsideCode(text, (prose) => {
    for (const [, heading = ''] of prose.matchAll(/^#{1,6} +(.+?) *$/gm)) {
      const plain = slug(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('\\', ''));
      let fragment = plain;
      for (let count = 1; fragments.has(fragment); count++) fragment = `${plain}-${count}`;
      fragments.add(fragment);
    }
    return prose;
  });
  return fragments;
}

/**
 * A page with `change` made to everything but fenced blocks.
 *
 * @param {string} text
 * @param {(prose: string) => string} change
 */
function outsideCode(text, change) {
  const CODE = /^(```+|~~~+)[^\n]*\n[\s\S]*?^\1[^\n]*$/m;
  let rest = text;
  let done = '';
  for (let match = CODE.exec(rest); match !== null; match = CODE.exec(rest)) {
    done += change(rest.slice(0, match.index)) + match[0];
    rest = rest.slice(match.index + match[0].length);
  }
  return done + change(rest);
}
