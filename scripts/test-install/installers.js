// The package managers that people install with, in exact versions from the npm registry, except for npm, which
// comes with Node, and for the pnpm of this repository.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpmCommand, run } from '../release/commands.js';
import { ROOT } from '../release/pack.js';

const CACHE = join(ROOT, 'node_modules/.cache/pageferry-installers');
const YARN_1 = 'yarn@1.22.22';
const YARN_4 = '@yarnpkg/cli-dist@4.18.1';
const BUN = `@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : 'x64'}@1.4.5`;

/**
 * A package manager with certain settings.
 *
 * @typedef {object} Installer
 * @property {string} name
 * @property {() => Promise<string[]>} command the program and its first arguments. Rejects where it cannot be had.
 * @property {readonly string[]} add the arguments that install packages, followed by their names.
 * @property {(url: string) => Record<string, string>} [files] what it reads its settings from, by their names.
 * @property {readonly string[]} [run] the arguments that run a program of Node, if that is not just started.
 */

const npm = async () => ['npm'];
const pnpm = async () => pnpmCommand();
const yarn1 = async () => [process.execPath, ...(await program(YARN_1, 'bin/yarn.js'))];
const yarn4 = async () => [process.execPath, ...(await program(YARN_4, 'bin/yarn.js'))];
const bun = () => program(BUN, 'bin/bun');

/** @type {readonly Installer[]} */
export const INSTALLERS = [
  { name: 'npm', command: npm, add: ['install'] },
  { name: 'npm, no scripts', command: npm, add: ['install', '--ignore-scripts'] },
  { name: 'npm, not hoisted', command: npm, add: ['install', '--install-strategy=linked'] },
  { name: 'pnpm', command: pnpm, add: ['add'] },
  { name: 'pnpm, no scripts', command: pnpm, add: ['add', '--ignore-scripts'] },
  { name: 'pnpm, not hoisted', command: pnpm, add: ['add', '--config.hoist=false'] },
  { name: 'yarn 1', command: yarn1, add: ['add'] },
  { name: 'yarn 1, no scripts', command: yarn1, add: ['add', '--ignore-scripts'] },
  yarn('yarn 4, node-modules', { nodeLinker: 'node-modules', enableScripts: true }),
  yarn('yarn 4, node-modules, no scripts', { nodeLinker: 'node-modules', enableScripts: false }),
  yarn('yarn 4, node-modules, not hoisted', {
    nodeLinker: 'node-modules',
    nmHoistingLimits: 'dependencies',
  }),
  { ...yarn('yarn 4, PnP', { nodeLinker: 'pnp', enableScripts: true }), run: ['node'] },
  {
    ...yarn('yarn 4, PnP, no scripts', { nodeLinker: 'pnp', enableScripts: false }),
    run: ['node'],
  },
  { name: 'bun', command: bun, add: ['add'] },
  { name: 'bun, no scripts', command: bun, add: ['add', '--ignore-scripts'] },
  { name: 'bun, not hoisted', command: bun, add: ['add', '--linker=isolated'] },
];

/**
 * yarn 4 with settings.
 *
 * @param {string} name
 * @param {Record<string, string | boolean>} settings
 * @returns {Installer}
 */
function yarn(name, settings) {
  const files = (/** @type {string} */ npmRegistryServer) => ({
    '.yarnrc.yml': JSON.stringify({
      npmRegistryServer,
      unsafeHttpWhitelist: ['127.0.0.1'],
      enableTelemetry: false,
      enableGlobalCache: true,
      ...settings,
    }),
    'yarn.lock': '',
  });
  return { name, command: yarn4, add: ['add'], files };
}

/**
 * A program of a package of the npm registry, which is installed if it is not there yet. Nothing of it is run for that.
 *
 * @param {string} specifier with its version.
 * @param {string} file in the package.
 * @returns {Promise<string[]>}
 */
async function program(specifier, file) {
  const folder = join(CACHE, specifier.replaceAll('/', '-'));
  const path = join(folder, 'node_modules', specifier.replace(/(?<=.)@[^@]*$/, ''), file);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--force'];
    await run(['npm', ...args, '--prefix', folder, specifier], { cwd: folder, env: process.env });
  }
  return [path];
}
