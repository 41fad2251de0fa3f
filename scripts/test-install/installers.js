// The package managers that people install with, in exact versions from the npm registry, except for npm, which
// comes with Node, and for the pnpm of this repository.
import { installProgram } from '../npm-program.js';
import { pnpmCommand } from '../release/commands.js';

/** @typedef {readonly [name: string, version: string]} Package */

/** @type {Package} */
const YARN_1 = ['yarn', '1.22.22'];
/** @type {Package} */
const YARN_4 = ['@yarnpkg/cli-dist', '4.18.1'];
/** @type {Package} */
const BUN = [`@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : 'x64'}`, '1.4.5'];

/**
 * A package manager with certain settings.
 *
 * @typedef {object} Installer
 * @property {string} name
 * @property {(node: string) => Promise<string[]>} command the program and its first arguments, with the Node that runs what
 * is a program of Node's. Rejects where it cannot be had.
 * @property {readonly string[]} add the arguments that install packages, followed by their names.
 * @property {(url: string) => Record<string, string>} [files] what it reads its settings from, by their names.
 * @property {readonly string[]} [run] the arguments that run a program of Node, if that is not just started.
 */

const npm = async () => ['npm'];
const pnpm = async () => pnpmCommand();
const yarn1 = async (/** @type {string} */ node) => [
  node,
  installProgram(...YARN_1, 'bin/yarn.js'),
];
const yarn4 = async (/** @type {string} */ node) => [
  node,
  installProgram(...YARN_4, 'bin/yarn.js'),
];
const bun = async () => [installProgram(...BUN, 'bin/bun')];

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
