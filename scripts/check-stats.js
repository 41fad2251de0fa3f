// Refuses what spoils the imports of a user's program. On Node 20 and 22 the plain `fs.statSync` of a
// socket or a pipe leaves its type in a buffer at which the resolution of symbolic links breaks off: from
// then on packages are not found. With `bigint: true` another buffer is used; `fs.promises` has its own.
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** The conformance suite and the testkit run in tests alone. */
const EXCEPT = ['packages/conformance/', 'packages/testkit/'];

/** `statSync(` and `fs.stat(`, but neither `calls.fstat(` nor `promises.stat(`. */
const STAT = /(?<![.\w])[lf]?statSync(?=\()|(?<=\bfs\.)[lf]?stat(?:Sync)?(?=\()/g;

/** The ones with a callback, which have no place here. */
const STAT_WITH_CALLBACK = /import \{[^}]*\b([lf]?stat)\b[^}]*\} from 'node:fs'/g;

/** They look with a plain lstat themselves. `unlinkSync` and `rmdirSync` do not. */
const REMOVAL = /(?<![\w])(?:rm|cp)Sync(?=\()/g;

/**
 * The calls in a source file that must not be there, as sentences.
 *
 * @param {string} path
 * @param {string} text
 * @returns {string[]}
 */
export function plainStats(path, text) {
  /** @type {string[]} */
  const wrong = [];
  for (const { index, 0: name } of text.matchAll(STAT)) {
    const words = callAt(text, index + name.length);
    if (!/\bbigint: true\b/.test(words))
      wrong.push(`${where(path, text, index)}: ${name} without bigint: true`);
  }
  for (const { index, 1: name } of text.matchAll(STAT_WITH_CALLBACK)) {
    wrong.push(`${where(path, text, index)}: ${name} of node:fs`);
  }
  for (const { index, 0: name } of text.matchAll(REMOVAL)) {
    wrong.push(`${where(path, text, index)}: ${name}, which makes a plain lstat`);
  }
  return wrong;
}

/**
 * What stands between the parentheses that open at `start`.
 *
 * @param {string} text
 * @param {number} start
 */
function callAt(text, start) {
  let depth = 0;
  for (let end = start; end < text.length; end++) {
    if (text[end] === '(') depth++;
    if (text[end] === ')' && --depth === 0) return text.slice(start, end);
  }
  return text.slice(start);
}

/**
 * @param {string} path
 * @param {string} text
 * @param {number} index
 */
function where(path, text, index) {
  return `${path}:${text.slice(0, index).split('\n').length}`;
}

/**
 * Looks at the sources of all packages and apps.
 *
 * @returns {{ count: number, wrong: readonly string[] }}
 */
export function checkStats() {
  const files = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(parent).flatMap((name) => {
      const folder = `${parent}/${name}/src`;
      const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      return found.map((file) => `${folder}/${file}`);
    }),
  );
  const sources = files.filter(
    (file) => /\.[mc]?[jt]s$/.test(file) && !EXCEPT.some((start) => file.startsWith(start)),
  );
  const wrong = sources.flatMap((file) => plainStats(file, readFileSync(file, 'utf8')));
  return { count: sources.length, wrong };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { count, wrong } = checkStats();
  for (const problem of wrong) console.error(problem);
  if (wrong.length > 0) process.exit(1);
  console.log(`${count} source files look at no socket in a way that spoils imports`);
}
