// What is wrong with a tarball that is to be published.
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { namedFiles } from './build-output.js';
import { run } from './commands.js';
import { inOrderOfRelease } from './order.js';

/** Beside what the manifest names. */
const EVERY = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];

/**
 * @param {string} file
 * @returns {Promise<string[]>} sentences; none if it may be published.
 */
export async function faultsOfTarball(file) {
  const cwd = dirname(file);
  const { stdout } = await run(['tar', '-tzf', file], { cwd });
  const files = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  const faults = faultsOf(await readManifest(file), files);
  return faults.map((fault) => `${basename(file)}: ${fault}`);
}

/**
 * @param {any} manifest
 * @param {readonly string[]} files
 * @returns {string[]}
 */
export function faultsOf(manifest, files) {
  const { version, dependencies, optionalDependencies, peerDependencies } = manifest;
  const ranges = { ...dependencies, ...optionalDependencies, ...peerDependencies };
  return [
    ...[...EVERY, ...namedFiles(manifest)]
      .filter((file) => !files.includes(file))
      .map((file) => `${file} is missing`),
    ...files
      .filter((file) => /\.tsbuildinfo$/.test(file))
      .map((file) => `${file} is for the build alone`),
    ...Object.entries(ranges)
      .filter(([, range]) => /^(workspace|link|file):/.test(String(range)))
      .map(([name, range]) => `${name} is wanted as ${range}, which nobody else has`),
    ...(version === '0.0.0' ? ['it has no version'] : []),
  ];
}

/**
 * The tarballs of a folder, which an earlier `pnpm release --dry-run` has made.
 *
 * @param {string} folder
 * @returns {Promise<import('./pack.js').Tarball[]>} in the order of a release.
 */
export async function readTarballs(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const read = files.map(async (name) => {
    const file = resolve(join(folder, name));
    return { ...(await readManifest(file)), file };
  });
  const manifests = /** @type {(import('./order.js').Manifest & { file: string })[]} */ (
    await Promise.all(read)
  );
  return inOrderOfRelease(manifests).map(({ name, version, file }) => ({ name, version, file }));
}

/**
 * The manifest of a packed package.
 *
 * @param {string} file
 */
export async function readManifest(file) {
  const { stdout } = await run(['tar', '-xzOf', file, 'package/package.json'], {
    cwd: dirname(file),
  });
  return JSON.parse(stdout);
}
