// Which packages are released, and in which order.

/**
 * What is read of a manifest.
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [optionalDependencies]
 */

/**
 * The packages that are published, each after those that it depends on: whoever installs one while a release is under way
 * finds what it needs.
 *
 * @template {Manifest} M
 * @param {readonly M[]} manifests
 * @returns {M[]}
 */
export function inOrderOfRelease(manifests) {
  let waiting = manifests.filter((manifest) => manifest.private !== true);
  /** @type {M[]} */
  const ordered = [];
  while (waiting.length > 0) {
    const names = waiting.map(({ name }) => name);
    const next = waiting.filter((each) => !needsOf(each).some((name) => names.includes(name)));
    if (next.length === 0) throw new Error(`${names.join(', ')} depend on each other`);
    ordered.push(...next);
    waiting = waiting.filter((each) => !next.includes(each));
  }
  return ordered;
}

/**
 * A package and those that it depends on, directly or through others.
 *
 * @param {readonly Manifest[]} manifests
 * @param {string} name
 * @returns {Manifest[]}
 */
export function neededBy(manifests, name) {
  const wanted = new Set([name]);
  // The set grows while it is walked.
  for (const each of wanted) {
    const manifest = manifests.find((one) => one.name === each);
    for (const needed of manifest ? needsOf(manifest) : []) wanted.add(needed);
  }
  return manifests.filter((manifest) => wanted.has(manifest.name));
}

/** @param {Manifest} manifest */
function needsOf({ dependencies = {}, optionalDependencies = {} }) {
  return Object.keys({ ...dependencies, ...optionalDependencies });
}
