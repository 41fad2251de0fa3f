// Packs what a release publishes. It is built from nothing in a copy of the repository, with the versions and changelogs
// that the pending changesets make: what an earlier build has left cannot get into a tarball, and the repository stays
// as it is.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPackages } from '../check-packages.js';
import { pnpmCommand, run } from './commands.js';
import { inOrderOfRelease, neededBy } from './order.js';
import { faultsOfTarball } from './tarball.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PLATFORMS = 'packages/linux-napi/npm';
const ADDON = 'linux_napi.node';

/**
 * A packed package.
 *
 * @typedef {object} Tarball
 * @property {string} name
 * @property {string} version
 * @property {string} file its path.
 */

/**
 * Packs every published package, as a release would.
 *
 * @param {string} folder where the tarballs are put; made if it is not there.
 * @param {object} [options]
 * @param {readonly string[]} [options.platforms] the platforms whose prebuilt addons are packed (`linux-x64-gnu`); all
 * of them unless given. Their addons have to be built.
 * @param {string} [options.only] packs this package and those that it depends on, and no others.
 * @returns {Promise<Tarball[]>} each after those that it depends on.
 * @throws {Error} if something is not whole. Nothing is left of the copy.
 */
export async function packRelease(folder, options = {}) {
  const { platforms = readdirSync(join(ROOT, PLATFORMS)), only } = options;
  const copy = mkdtempSync(join(tmpdir(), 'pf-release-'));
  try {
    await copyRepository(copy);
    for (const platform of platforms) copyAddon(copy, platform);
    // With this machine's settings, which say where pnpm has what is installed already. The versions that change do not
    // make it install anew.
    const env = {
      ...process.env,
      PAGEFERRY_IS_BUILT: '1',
      PNPM_CONFIG_VERIFY_DEPS_BEFORE_RUN: 'false',
    };
    const pnpm = async (/** @type {string[]} */ ...args) =>
      run([...pnpmCommand(), ...args], { cwd: copy, env });
    await pnpm('install', '--frozen-lockfile', '--offline');
    await pnpm('exec', 'changeset', 'version');
    const manifests = readManifests(copy, platforms);
    const packages = inOrderOfRelease(only === undefined ? manifests : neededBy(manifests, only));
    const filters = packages.map(({ name }) => `--filter=${name}`);
    await pnpm('-r', ...filters, 'run', '--if-present', 'build');
    mkdirSync(folder, { recursive: true });
    await pnpm('-r', ...filters, 'pack', '--pack-destination', folder);
    const tarballs = packages.map(({ name, version }) => ({
      name,
      version,
      file: join(folder, fileOf(name, version)),
    }));
    const faults = await Promise.all(tarballs.map(({ file }) => faultsOfTarball(file)));
    if (faults.flat().length > 0) throw new Error(faults.flat().join('\n'));
    return tarballs;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/**
 * Copies what git tracks or would.
 *
 * @param {string} copy
 */
async function copyRepository(copy) {
  const { stdout } = await run(['git', 'ls-files', '-z', '-co', '--exclude-standard'], {
    cwd: ROOT,
  });
  const paths = stdout.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)));
  for (const path of paths) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(ROOT, path), join(copy, path), { verbatimSymlinks: true });
  }
  // changesets asks git where it is.
  await run(['git', 'init', '--quiet', '.'], { cwd: copy });
}

/**
 * @param {string} copy
 * @param {string} platform
 */
function copyAddon(copy, platform) {
  const path = join(PLATFORMS, platform, ADDON);
  if (!existsSync(join(ROOT, path))) {
    throw new Error(
      `${path} is not there. It is made by \`pnpm --filter @pageferry/linux-napi prebuilds\`.`,
    );
  }
  cpSync(join(ROOT, path), join(copy, path));
}

/**
 * The manifests of what may be packed, with the versions of the release.
 *
 * @param {string} copy
 * @param {readonly string[]} platforms
 */
function readManifests(copy, platforms) {
  const isWanted = (/** @type {{ name: string }} */ { name }) =>
    platforms.some((platform) => name.endsWith(`-${platform}`));
  return [
    ...readPackages(join(copy, 'packages')),
    ...readPackages(join(copy, PLATFORMS)).filter(isWanted),
  ];
}

/**
 * @param {string} name
 * @param {string} version
 */
function fileOf(name, version) {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
}
