// Holds the direction of the arrows between the packages, and checks that each package can be
// published. Biome refuses an import that package.json does not declare, so that the declared
// dependencies are all the arrows there are.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** What each package may depend on within the workspace. `apps` and `benchmarks` may use anything. */
const ALLOWED = {
  '@pageferry/core': [],
  '@pageferry/linux': ['@pageferry/core'],
  '@pageferry/linux-napi': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/linux-ffi': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/connection': ['@pageferry/core', '@pageferry/linux'],
  '@pageferry/vmsplice': ['@pageferry/core', '@pageferry/linux', '@pageferry/connection'],
  '@pageferry/vmsplice-napi': [
    '@pageferry/core',
    '@pageferry/linux',
    '@pageferry/linux-napi',
    '@pageferry/vmsplice',
  ],
  '@pageferry/shared-mmap': [
    '@pageferry/core',
    '@pageferry/linux',
    '@pageferry/connection',
    '@pageferry/linux-napi',
  ],
  '@pageferry/vmsplice-ffi': [
    '@pageferry/core',
    '@pageferry/linux',
    '@pageferry/linux-ffi',
    '@pageferry/vmsplice',
  ],
  '@pageferry/socket': ['@pageferry/core'],
  '@pageferry/conformance': ['@pageferry/core', '@pageferry/linux'],
  // For tests alone, and never published.
  '@pageferry/testkit': ['@pageferry/core', '@pageferry/linux'],
  // The backends are its optional peers: it asks for each by name, and lives without.
  '@pageferry/doctor': [
    '@pageferry/core',
    '@pageferry/linux',
    '@pageferry/linux-napi',
    '@pageferry/socket',
  ],
};

/**
 * Arrows that point the wrong way, as sentences.
 *
 * @param {readonly { name: string, dependencies?: Record<string, string> }[]} packages
 * @returns {string[]}
 */
export function wrongArrows(packages) {
  /** @type {string[]} */
  const wrong = [];
  for (const { name, dependencies = {} } of packages) {
    const allowed = /** @type {Record<string, string[]>} */ (ALLOWED)[name];
    if (allowed === undefined) {
      wrong.push(`${name} is not in the table of scripts/check-packages.js`);
      continue;
    }
    for (const target of Object.keys(dependencies)) {
      if (target.startsWith('@pageferry/') && !allowed.includes(target)) {
        wrong.push(`${name} must not depend on ${target}`);
      }
    }
  }
  return wrong;
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
  const wrong = wrongArrows(packages);
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (wrong.length > 0) process.exit(1);
  for (const { name } of packages) {
    const folder = `packages/${name.replace('@pageferry/', '')}`;
    execFileSync('publint', ['run', folder, '--strict', '--pack', 'false'], { stdio: 'inherit' });
  }
  process.stdout.write(`${packages.length} packages: arrows and manifests are in order\n`);
}
