// What is wrong with a tarball that is to be published.
import { basename } from 'node:path';
import { namedFiles } from './build-output.js';
import { run } from './commands.js';

/** Beside what the manifest names. */
const EVERY = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];

/**
 * @param {string} file
 * @returns {Promise<string[]>} sentences; none if it may be published.
 */
export async function faultsOfTarball(file) {
  const cwd = process.cwd();
  const { stdout } = await run(['tar', '-tzf', file], { cwd });
  const files = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  const manifest = await run(['tar', '-xzOf', file, 'package/package.json'], { cwd });
  const faults = faultsOf(JSON.parse(manifest.stdout), files);
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
