// What the manifest of every published package says.

/** What is true of `require` of a module as well: a Node that cannot do it is not admitted. */
export const ENGINES = '^20.19 || >=22.12';
const REPOSITORY = 'https://github.com/pageferry/pageferry';

/**
 * @param {any} manifest
 * @param {string} folder from the repository's root on.
 * @returns {string[]} what is wrong, as sentences; none of a package that is not published.
 */
export function faultsOfManifest(manifest, folder) {
  if (manifest.private === true) return [];
  const { name, description, keywords = [], files = [], scripts = {}, exports } = manifest;
  const root = folder.replace(/[^/]+/g, '..');
  const expected = {
    license: 'MIT',
    author: 'The Pageferry authors',
    homepage: `${REPOSITORY}/tree/main/${folder}#readme`,
    bugs: `${REPOSITORY}/issues`,
    repository: { type: 'git', url: `git+${REPOSITORY}.git`, directory: folder },
    engines: { node: ENGINES },
  };
  const faults = Object.entries(expected)
    .filter(([key, value]) => JSON.stringify(manifest[key]) !== JSON.stringify(value))
    .map(([key, value]) => `"${key}" is not ${JSON.stringify(value)}`);
  if (!description) faults.push('it has no description');
  if (keywords.length < 3) faults.push('it has fewer than three keywords');
  if (!files.includes('CHANGELOG.md')) faults.push('its changelog is not among its files');
  if (files.includes('dist') && !files.includes('!**/*.tsbuildinfo')) {
    faults.push("the compiler's notes (.tsbuildinfo) are among its files");
  }
  if (exports !== undefined && manifest.sideEffects === undefined) {
    faults.push('it does not say which files have side effects');
  }
  for (const script of ['prepack', 'prepublish']) {
    const key = script === 'prepack' ? script : 'prepublishOnly';
    if (!scripts[key]?.startsWith(`node ${root}/scripts/release/${script}.js`)) {
      faults.push(`its "${key}" does not run scripts/release/${script}.js`);
    }
  }
  return faults.map((fault) => `${name}: ${fault}`);
}
