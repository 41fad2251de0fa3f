// How many bytes a package may add to the `node_modules` of whoever installs it: `node scripts/size-budgets.js` shows what
// it is now, and fails where that is more. A budget that is too small is raised here, with a reason in the commit.
import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { folderOf, readPackages } from './check-packages.js';
import { table } from './package-arrows.js';
import { neededBy } from './release/order.js';

/**
 * What a package may add, in kB (1000 bytes).
 *
 * @typedef {object} Budget
 * @property {number} alone the package's own files.
 * @property {number} total with all that comes with it.
 */

/** @type {Readonly<Record<string, Budget>>} */
export const BUDGETS = {
  // The command brings the library for MCAP, of 1700 kB.
  pageferry: { alone: 50, total: 6900 },
  '@pageferry/cli': { alone: 400, total: 6900 },
  '@pageferry/shared-mmap': { alone: 750, total: 3300 },
  '@pageferry/vmsplice-napi': { alone: 50, total: 3100 },
  '@pageferry/vmsplice-ffi': { alone: 50, total: 5500 },
  '@pageferry/doctor': { alone: 500, total: 3400 },
  '@pageferry/socket': { alone: 330, total: 1500 },
  '@pageferry/bridge': { alone: 100, total: 1250 },
  '@pageferry/nats': { alone: 700, total: 3350 },
  '@pageferry/fd-socket': { alone: 150, total: 2350 },
  '@pageferry/messages': { alone: 320, total: 1450 },
  '@pageferry/streams': { alone: 290, total: 1450 },
  '@pageferry/workers': { alone: 340, total: 1800 },
  '@pageferry/core': { alone: 1150, total: 1150 },
  '@pageferry/linux': { alone: 350, total: 1500 },
  '@pageferry/linux-napi': { alone: 230, total: 2200 },
  '@pageferry/linux-ffi': { alone: 400, total: 4600 },
  '@pageferry/connection': { alone: 410, total: 1900 },
  '@pageferry/vmsplice': { alone: 490, total: 2400 },
  '@pageferry/conformance': { alone: 3400, total: 4800 },
};

/** What the addon of one platform may take, of which an installation has one. */
const ADDON = 400;
/** Packed whatever `files` says. */
const ALWAYS = ['package.json', 'README.md', 'CHANGELOG.md'];

/**
 * The bytes of what a package publishes, by the files that are there.
 *
 * @param {string} folder
 * @returns {number}
 */
export function ownBytes(folder) {
  const { files = [] } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const named = /** @type {string[]} */ (files).filter((name) => !name.startsWith('!'));
  return [...new Set([...ALWAYS, ...named])]
    .map((name) => bytesOfNamed(folder, name))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * The bytes of what one line of `files` names: a file, a folder, or all files below one that end alike.
 *
 * @param {string} folder
 * @param {string} name
 */
function bytesOfNamed(folder, name) {
  const [parent = name, end] = name.split('/**/*');
  const path = join(folder, parent);
  if (end === undefined) return bytesOf(path, /\.tsbuildinfo$/);
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(end))
    .reduce((sum, file) => sum + bytesOf(join(path, file)), 0);
}

/**
 * The bytes of a file, or of all files below a folder. Links are not followed.
 *
 * @param {string} path
 * @param {RegExp} [omitted] the files that do not count.
 * @returns {number} 0 if there is nothing.
 */
export function bytesOf(path, omitted = /^$/) {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined || omitted.test(path)) return 0;
  if (!entry.isDirectory()) return entry.isFile() ? entry.size : 0;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name), omitted), 0);
}

/**
 * What each package adds now, in kB.
 *
 * @param {readonly any[]} manifests of the workspace.
 * @returns {{ name: string, alone: number, total: number }[]} of the published ones.
 */
export function measure(manifests) {
  const own = new Map(manifests.map(({ name }) => [name, ownBytes(folderOf(name))]));
  return manifests
    .filter((manifest) => manifest.private !== true)
    .map(({ name }) => {
      const needed = neededBy(manifests, name);
      const bytes = needed.map((each) => own.get(each.name) ?? 0).reduce((sum, each) => sum + each);
      const addon = needed.some((each) => each.name === '@pageferry/linux-napi') ? ADDON : 0;
      const others = foreignFolders(needed).reduce(
        (sum, folder) => sum + bytesOf(folder, /node_modules$/),
        0,
      );
      return {
        name,
        alone: inKilobytes(own.get(name) ?? 0),
        total: inKilobytes(bytes + others) + addon,
      };
    });
}

/** @param {number} bytes */
export function inKilobytes(bytes) {
  return Math.ceil(bytes / 1000);
}

/**
 * Where the packages of others are installed that come with these.
 *
 * @param {readonly any[]} manifests
 * @returns {string[]}
 */
function foreignFolders(manifests) {
  const folders = new Set();
  const walk = (/** @type {any} */ manifest, /** @type {string} */ from) => {
    for (const name of Object.keys({
      ...manifest.dependencies,
      ...manifest.optionalDependencies,
    })) {
      if (/^(@pageferry\/|pageferry$)/.test(name)) continue;
      const link = [
        join(from, 'node_modules', name),
        join(from, '..', name),
        join(from, '../..', name),
      ].find((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
      if (link === undefined) continue; // For another platform.
      const folder = realpathSync(link);
      if (folders.has(folder)) continue;
      folders.add(folder);
      walk(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')), folder);
    }
  };
  for (const manifest of manifests) walk(manifest, folderOf(manifest.name));
  return [...folders];
}

/**
 * The budgets as a table of the docs.
 *
 * @returns {string}
 */
export function budgetTable() {
  const rows = Object.entries(BUDGETS).map(([name, { alone, total }]) => [
    `\`${name}\``,
    `${alone} kB`,
    `${total} kB`,
  ]);
  return table([
    ['package', 'its own files, at most', 'with all that comes with it, at most'],
    ...rows,
  ]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const rows = measure(readPackages('packages'));
  const over = rows.filter(({ name, alone, total }) => {
    const budget = BUDGETS[name];
    return budget === undefined || alone > budget.alone || total > budget.total;
  });
  if (over.length === 0) {
    process.stdout.write(`${rows.length} packages are within their budgets of bytes\n`);
  } else {
    const lines = rows.map(({ name, alone, total }) => {
      const budget = BUDGETS[name];
      return [name, `${alone} of ${budget?.alone ?? 0}`, `${total} of ${budget?.total ?? 0}`];
    });
    process.stderr.write(
      `${table([['kB', 'alone', 'in all'], ...lines])}\nAbove the budget: ${over.map(({ name }) => name).join(', ')}\n`,
    );
    process.exitCode = 1;
  }
}
