// Refuses an import that reaches into another package's folders instead of asking for what that package
// exports. Such an import is declared nowhere, so that nothing builds what it needs, and it breaks when a
// file moves that is nobody else's business.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where packages lie: each folder in the first two, and these two themselves. */
const HOME = /^(?:(?:packages|apps)\/[^/]+|benchmarks|docs\/examples)(?=\/)/;

/** What follows a package's own folder, or its name, where an import reaches into it. */
const INSIDE = /^\/(?:bundle|dist|test|src)(?:\/|$)/;

/** `from '…'`, `import '…'`, `import('…')` and `require('…')`. */
const IMPORTS = /\b(?:from|import|require)\s*\(?\s*(['"])([^'"\n]+)\1/g;

/** Of others, or made. */
const SKIPPED = new Set(['node_modules', 'bundle', 'dist', 'build']);

/**
 * The imports of a file that reach into another package, as sentences.
 *
 * @param {string} path from the workspace's root
 * @param {string} text
 * @returns {string[]}
 */
export function foreignReaches(path, text) {
  return [...text.matchAll(IMPORTS)].flatMap(({ index, 2: specifier = '' }) => {
    if (!reachesOut(path, specifier)) return [];
    const line = text.slice(0, index).split('\n').length;
    return [`${path}:${line}: ${specifier} is inside another package: import what it exports`];
  });
}

/**
 * @param {string} path
 * @param {string} specifier
 */
function reachesOut(path, specifier) {
  const named = /^@pageferry\/[^/]+/.exec(specifier)?.[0];
  if (named !== undefined) return INSIDE.test(specifier.slice(named.length));
  if (!specifier.startsWith('.')) return false;
  const target = posix.join(posix.dirname(path), specifier);
  const home = HOME.exec(`${target}/`)?.[0];
  if (home === undefined || home === HOME.exec(path)?.[0]) return false;
  return INSIDE.test(target.slice(home.length));
}

/**
 * The programs in a folder.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function programsIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : programsIn(path);
    return /\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}

/**
 * Looks at every program of every package.
 *
 * @returns {{ count: number, wrong: readonly string[] }}
 */
export function checkReaches() {
  const files = ['packages', 'apps', 'benchmarks', 'docs/examples'].flatMap(programsIn);
  const wrong = files.flatMap((file) => foreignReaches(file, readFileSync(file, 'utf8')));
  return { count: files.length, wrong };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { count, wrong } = checkReaches();
  for (const problem of wrong) console.error(problem);
  if (wrong.length > 0) process.exit(1);
  console.log(`${count} programs import from other packages only what those export`);
}
