import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deadLinks } from '../src/dead-links.js';
import { fragmentsOf, REPOSITORY, siteAddress, slug, withSiteLinks } from '../src/links.js';
import { copyPages, pagesOf } from '../src/pages.js';
import { sidebarOf } from '../src/sidebar.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pf-site-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('no page of the repository leads to a page, a file or a heading that is not there (16.16)', () => {
  const pages = copyPages(ROOT, folder);
  const texts = new Map(
    pages.map((page) => [
      siteAddress(page),
      readFileSync(join(folder, page.replace(/README\.md$/, 'index.md')), 'utf8'),
    ]),
  );
  expect(texts.size).toBeGreaterThan(60);
  const dead = [...texts].flatMap(([address, text]) =>
    [...text.matchAll(/\]\((\/[^()#\s]*)?#([^()\s]+)\)/g)]
      .filter(([, path = address, fragment = '']) => {
        const target = texts.get(path);
        return target !== undefined && !fragmentsOf(target).has(fragment);
      })
      .map(([link]) => `${address}: ${link}`),
  );
  expect(dead).toEqual([]);
});

test('links become those of the site, and code stays as it is', () => {
  const pages = new Set(['README.md', 'docs/a.md', 'docs/deep/README.md']);
  mkdirSync(join(folder, 'docs/deep'), { recursive: true });
  for (const name of [...pages, 'docs/program.mjs']) writeFileSync(join(folder, name), '');
  const put = (text: string) => withSiteLinks(text, 'docs/a.md', folder, pages);
  expect(put('[x](../README.md) [y](deep#part) [z](a.md) [w](#here)')).toBe(
    '[x](/) [y](/docs/deep/#part) [z](/docs/a) [w](#here)',
  );
  expect(put('[p](program.mjs), [f](../docs)')).toBe(
    `[p](${REPOSITORY}/blob/main/docs/program.mjs), [f](${REPOSITORY}/tree/main/docs)`,
  );
  expect(put('[![plot](plot.svg)](a.md) [o](https://example.org)')).toBe(
    '[![plot](plot.svg)](/docs/a) [o](https://example.org)',
  );
  expect(put('```md\n[x](nowhere.md)\n```\n')).toBe('```md\n[x](nowhere.md)\n```\n');
  expect(() => put('[x](nowhere.md)')).toThrow('docs/a.md: there is nothing at [x](nowhere.md)');
});

test('headings have the fragments that GitHub gives them', () => {
  expect(slug("`SYSTEM_CALL_FAILED`, and what it doesn't say")).toBe(
    'system_call_failed-and-what-it-doesnt-say',
  );
  expect([...fragmentsOf('# A\n## [B](x) c\n## B c\n```\n# no\n```\n')]).toEqual([
    'a',
    'b-c',
    'b-c-1',
  ]);
});

test('the sidebar has every page once', () => {
  const sidebar = sidebarOf(ROOT, [{ name: 'pageferry', link: '/reference/pageferry' }]);
  const links = sidebar.flatMap(({ items }) => items.map(({ link }) => link));
  const home = new Set(['/']);
  expect(links.filter((link) => !link.startsWith('/reference/')).toSorted()).toEqual(
    pagesOf(ROOT)
      .map(siteAddress)
      .filter((address) => !home.has(address))
      .toSorted(),
  );
});

test('a dead link of a built page is found', () => {
  const files = new Map([
    ['index.html', '<a href="/a#one">1</a> <a href="/b">2</a> <img src="/x.svg">'],
    ['a.html', '<h2 id="one">1</h2> <a href="#two">3</a> <a href="https://example.org">4</a>'],
    ['x.svg', ''],
  ]);
  expect(deadLinks(files)).toEqual([
    'index.html: /b leads to nothing',
    'a.html: #two leads to nothing',
  ]);
});
