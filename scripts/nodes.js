// Versions of Node from the npm registry, into node_modules/.cache.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, 'node_modules/.cache/pageferry-nodes');

/**
 * The program of a version of Node, which is installed if it is not there yet.
 *
 * @param {string} version as npm knows it: `22`, or `22.23.3`.
 * @param {string} [arch] the processor: this one's unless given.
 * @returns {string} its path.
 */
export function programOf(version, arch = process.arch) {
  const name = `node-linux-${arch}`;
  const folder = join(CACHE, arch === process.arch ? version : `${version}-${arch}`);
  const program = join(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    // `--force`: for another processor as well.
    const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--force'];
    execFileSync('npm', [...args, '--prefix', folder, `${name}@${version}`], {
      cwd: folder,
      stdio: 'ignore',
    });
  }
  return program;
}
