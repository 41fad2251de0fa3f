// Holds the direction of the arrows between the packages, and checks that each package can be
// published. Biome refuses an import that package.json does not declare, so that the declared
// dependencies are all the arrows there are.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { faultsOfManifest } from './manifests.js';
import { arrowsOf } from './package-arrows.js';

/** What each package may depend on within the workspace. `apps` and `benchmarks` may use anything. */
const ALLOWED = {
  '@pageferry/core': [],
  '@pageferry/linux': ['@pageferry/core'],
  '@pageferry/linux-napi': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/linux-ffi': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/connection': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/vmsplice': ['@pageferry/core', '@pageferry/linux', '@pageferry/connection'],
  '@pageferry/vmsplice-napi': ['@pageferry/core', '@pageferry/linux-napi', '@pageferry/vmsplice'],
  '@pageferry/shared-mmap': [
    '@pageferry/core',
    '@pageferry/linux',
    '@pageferry/connection',
    '@pageferry/linux-napi',
  ],
  '@pageferry/vmsplice-ffi': ['@pageferry/core', '@pageferry/linux-ffi', '@pageferry/vmsplice'],
  '@pageferry/socket': ['@pageferry/core'],
  '@pageferry/bridge': ['@pageferry/core'],
  '@pageferry/nats': ['@pageferry/core'],
  '@pageferry/fd-socket': ['@pageferry/core', '@pageferry/linux', '@pageferry/linux-napi'],
  // On the contract alone.
  '@pageferry/streams': ['@pageferry/core'],
  '@pageferry/conformance': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/messages': ['@pageferry/core'],
  // On the contract and on values; whichever backend is installed is found by its name.
  '@pageferry/workers': ['@pageferry/core', '@pageferry/messages'],
  // For tests alone, and never published.
  '@pageferry/testkit': ['@pageferry/core', '@pageferry/linux'],
  // For `benchmarks` and `apps/compare` alone, and never published.
  '@pageferry/measuring': [],
  '@pageferry/doctor': [
    '@pageferry/core',
    '@pageferry/linux',
    '@pageferry/linux-napi',
    '@pageferry/socket',
  ],
  '@pageferry/cli': [
    '@pageferry/bridge',
    '@pageferry/core',
    '@pageferry/doctor',
    '@pageferry/shared-mmap',
  ],
  // What a newcomer installs.
  pageferry: ['@pageferry/cli', '@pageferry/core', '@pageferry/doctor', '@pageferry/shared-mmap'],
};

/** What each may have as an optional peer: it asks for that by name, and lives without. */
const ALLOWED_IF_INSTALLED = {
  '@pageferry/cli': ['@pageferry/nats'],
  '@pageferry/fd-socket': ['@pageferry/linux-ffi'],
  '@pageferry/shared-mmap': ['@pageferry/linux-ffi'],
  '@pageferry/doctor': [
    '@pageferry/linux-ffi',
    '@pageferry/shared-mmap',
    '@pageferry/vmsplice-ffi',
    '@pageferry/vmsplice-napi',
  ],
  '@pageferry/workers': [
    '@pageferry/shared-mmap',
    '@pageferry/socket',
    '@pageferry/vmsplice-ffi',
    '@pageferry/vmsplice-napi',
  ],
};

/**
 * Arrows that point the wrong way, as sentences.
 *
 * @param {readonly import('./package-arrows.js').Manifest[]} packages
 * @returns {string[]}
 */
export function wrongArrows(packages) {
  return packages.flatMap((manifest) => {
    const { name } = manifest;
    const allowed = allowedFor(name);
    if (allowed === undefined) return [`${name} is not in the table of scripts/check-packages.js`];
    const { always, ifInstalled } = arrowsOf(manifest);
    return [
      ...without(always, allowed.always).map((target) => `${name} must not depend on ${target}`),
      ...without(ifInstalled, allowed.ifInstalled).map(
        (target) => `${name} must not have ${target} as a peer`,
      ),
    ];
  });
}

/**
 * Arrows that are allowed and that no package has, as sentences.
 *
 * @param {readonly import('./package-arrows.js').Manifest[]} packages
 * @returns {string[]}
 */
export function unusedArrows(packages) {
  return packages.flatMap((manifest) => {
    const { name } = manifest;
    const allowed = allowedFor(name);
    const { always, ifInstalled } = arrowsOf(manifest);
    return [
      ...without(allowed?.always ?? [], always),
      ...without(allowed?.ifInstalled ?? [], ifInstalled),
    ].map((target) => `${name} may use ${target}, and does not`);
  });
}

/** @param {string} name */
function allowedFor(name) {
  const always = /** @type {Record<string, string[]>} */ (ALLOWED)[name];
  const peers = /** @type {Record<string, string[]>} */ (ALLOWED_IF_INSTALLED)[name];
  return always && { always, ifInstalled: peers ?? [] };
}

/**
 * @param {readonly string[]} names
 * @param {readonly string[]} others
 */
function without(names, others) {
  return names.filter((name) => !others.includes(name));
}

/**
 * The folder of a package under `packages`, from the repository's root on.
 *
 * @param {string} name
 */
export function folderOf(name) {
  return name
    .replace('@pageferry/linux-napi-', 'packages/linux-napi/npm/')
    .replace('@pageferry/', 'packages/')
    .replace(/^pageferry$/, 'packages/pageferry');
}

/**
 * The manifests of the packages in a folder.
 *
 * @param {string} parent
 */
export function readPackages(parent) {
  return readdirSync(parent)
    .map((folder) => `${parent}/${folder}/package.json`)
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const packages = readPackages('packages');
  const wrong = [
    ...wrongArrows(packages),
    ...unusedArrows(packages),
    ...['packages', 'packages/linux-napi/npm'].flatMap((parent) =>
      readPackages(parent).flatMap((manifest) =>
        faultsOfManifest(manifest, folderOf(manifest.name)),
      ),
    ),
  ];
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (wrong.length > 0) process.exit(1);
  for (const { name } of packages) {
    execFileSync('publint', ['run', folderOf(name), '--strict', '--pack', 'false'], {
      stdio: 'inherit',
    });
  }
  process.stdout.write(`${packages.length} packages: arrows and manifests are in order\n`);
}
