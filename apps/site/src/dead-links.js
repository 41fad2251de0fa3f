import { posix } from 'node:path';

/**
 * Links of a site that lead to nothing, as sentences. Links to other sites are not looked at.
 *
 * @param {ReadonlyMap<string, string>} files all files by path; of a page with its HTML.
 * @returns {string[]}
 */
export function deadLinks(files) {
  const ids = new Map(
    [...files].map(([path, html]) => [
      path,
      new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = '']) => unescaped(id))),
    ]),
  );
  return [...files].flatMap(([path, html]) => {
    const targets = [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(
      ([, target = '']) => target,
    );
    return [...new Set(targets)]
      .filter((target) => !/^(?:[a-z]+:|\/\/)/i.test(target))
      .filter((target) => !isThere(unescaped(target), path, ids))
      .map((target) => `${path}: ${target} leads to nothing`);
  });
}

/**
 * @param {string} target
 * @param {string} from the page.
 * @param {ReadonlyMap<string, ReadonlySet<string>>} ids
 */
function isThere(target, from, ids) {
  const [path = '', fragment = ''] = target.split('#').map(decodeURIComponent);
  const place = path.startsWith('/')
    ? path.slice(1)
    : posix.join(posix.dirname(from), path || posix.basename(from));
  const file = [place, `${place}.html`, posix.join(place, 'index.html')].find(
    (candidate) =>
      ids.has(candidate) && (candidate.endsWith('.html') || posix.extname(candidate) !== ''),
  );
  return file !== undefined && (fragment === '' || ids.get(file)?.has(fragment) === true);
}

/** @param {string} text of an attribute. */
function unescaped(text) {
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
}
