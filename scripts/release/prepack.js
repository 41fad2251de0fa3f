// Before a package is packed, by whatever command: builds it, and refuses to pack what is not whole.
import { existsSync, readFileSync } from 'node:fs';
import { buildQuietly } from '../build-quietly.js';
import { faultsOfBuild, namedFiles } from './build-output.js';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { npm_config_user_agent: agent = '', PAGEFERRY_IS_BUILT: isBuilt } = process.env;
if (!agent.startsWith('pnpm/')) {
  fail('Pack it with pnpm: others leave `workspace:` in the manifest, which nobody can install.');
}
// A release builds all packages first, in a copy that has nothing of earlier builds.
if (isBuilt === undefined && existsSync('tsconfig.json')) {
  if (!(await buildQuietly(manifest.name))) fail('It does not build.');
}
const missing = namedFiles(manifest).filter((file) => !existsSync(file));
const faults = [...faultsOfBuild('.'), ...missing.map((file) => `${file} is missing`)];
if (faults.length > 0) fail(faults.join('\n'));

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${manifest.name} cannot be packed. ${message}\n`);
  process.exit(1);
}
