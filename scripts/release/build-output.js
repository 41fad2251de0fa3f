// Whether a package is built: each source has its module and its types, and nothing in `dist` is left of a source that is
// gone.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const OUTPUT = /\.(d\.ts|js)$/;

/**
 * @param {string} folder the package's.
 * @returns {string[]} what is wrong, as sentences.
 */
export function faultsOfBuild(folder) {
  const sources = filesIn(join(folder, 'src')).filter((file) => /(?<!\.d)\.ts$/.test(file));
  const expected = new Set(
    sources.flatMap((file) => ['.js', '.d.ts'].map((end) => file.replace(/\.ts$/, end))),
  );
  const made = filesIn(join(folder, 'dist')).filter((file) => OUTPUT.test(file));
  return [
    ...[...expected]
      .filter((file) => !made.includes(file))
      .map((file) => `dist/${file} is missing`),
    ...made.filter((file) => !expected.has(file)).map((file) => `dist/${file} has no source`),
  ];
}

/**
 * The files that a manifest names: a package without one of them is broken.
 *
 * @param {any} manifest
 * @returns {string[]} from the package's folder on.
 */
export function namedFiles({ main, bin = {}, exports = {} }) {
  const targets = [main, bin, exports].flatMap(strings);
  return [...new Set(targets.map((path) => path.replace(/^\.\//, '')))];
}

/**
 * @param {unknown} value
 * @returns {string[]}
 */
function strings(value) {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

/** @param {string} folder */
function filesIn(folder) {
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
}
