// The runners of tests and of TypeScript that people use, on the oldest and a newer Node: in each, a sender and a receiver
// exchange a message over every backend.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programOf } from '../../nodes.js';
import { run } from '../../release/commands.js';
import { ROOT } from '../../release/pack.js';
import { environmentFor } from '../packed.js';
import { attempt, failureOfInstall } from '../section.js';

const VERSIONS = ['20', '24'];
const PROJECTS = join(ROOT, 'test/surroundings/projects');
const COMMON = ['backends.js', 'endpoint.js', 'exchange.js'];
const PACKAGES = ['pageferry', '@pageferry/vmsplice-ffi', '@pageferry/vmsplice-napi'];

const EXCHANGE = `
const { deepStrictEqual } = await import('node:assert');
const backends = await import('./backends.js');
const { freshEndpoint } = await import('./endpoint.js');
const { EXPECTED, exchange } = await import('./exchange.js');
for (const transport of Object.values(backends)) {
  deepStrictEqual(await exchange(transport, freshEndpoint()), EXPECTED);
}`;
/** How long a test may take, in milliseconds: on a busy machine a runner's own limit says nothing about what it runs. */
const LIMIT = 60_000;

const inTest = (/** @type {string} */ word) =>
  `${word}('exchange', async () => {${EXCHANGE}\n});\n`;

/**
 * @typedef {object} Runner
 * @property {string} name
 * @property {readonly string[]} tools what is installed for it.
 * @property {Readonly<Record<string, string>>} files
 * @property {readonly (readonly string[])[]} commands what Node is given, for each thing that is tried.
 */

const jest = (/** @type {string} */ version) => ({
  name: `Jest ${version}`,
  tools: [`jest@${version}`, `jest-environment-jsdom@${version}`],
  files: { 'a.test.mjs': inTest('test'), 'b.test.cjs': inTest('test') },
  commands: ['node', 'jsdom'].map((environment) => [
    '--experimental-vm-modules',
    'node_modules/jest/bin/jest.js',
    '--transform={}',
    '--testMatch=**/*.test.?js',
    `--testEnvironment=${environment}`,
    `--testTimeout=${LIMIT}`,
  ]),
});

/** @type {readonly Runner[]} */
const RUNNERS = [
  jest('29'),
  jest('30'),
  {
    name: 'vitest 4',
    tools: ['vitest@4', 'jsdom@26', 'happy-dom@20'],
    files: { 'a.test.js': `import { test } from 'vitest';\n${inTest('test')}` },
    commands: ['threads', 'forks', 'vmThreads', 'vmForks'].flatMap((pool) =>
      ['node', 'jsdom', 'happy-dom'].map((environment) => [
        'node_modules/vitest/vitest.mjs',
        'run',
        `--pool=${pool}`,
        `--environment=${environment}`,
        `--test-timeout=${LIMIT}`,
      ]),
    ),
  },
  {
    name: 'node --test',
    tools: [],
    files: { 'a.test.mjs': `import { test } from 'node:test';\n${inTest('test')}` },
    commands: [['--test', 'a.test.mjs']],
  },
  {
    name: 'Mocha 11',
    tools: ['mocha@11'],
    files: { 'a.test.mjs': inTest('it'), 'b.test.cjs': inTest('it') },
    commands: [
      ['node_modules/mocha/bin/mocha.js', `--timeout=${LIMIT}`, 'a.test.mjs', 'b.test.cjs'],
    ],
  },
  {
    name: 'tsx 4',
    tools: ['tsx@4'],
    files: { 'a.mts': EXCHANGE, 'b.cts': `(async () => {${EXCHANGE}\n})();\n` },
    commands: [
      ['--import', 'tsx', 'a.mts'],
      ['--import', 'tsx', 'b.cts'],
    ],
  },
  {
    name: 'ts-node 10',
    tools: ['ts-node@10', 'typescript@5.9', '@types/node@20'],
    files: {
      'a.mts': `${EXCHANGE}\nexport {};\n`,
      'tsconfig.json': JSON.stringify({
        compilerOptions: { module: 'nodenext', target: 'es2022' },
        'ts-node': { transpileOnly: true },
      }),
    },
    commands: [['--no-warnings', '--loader', 'ts-node/esm', 'a.mts']],
  },
];

/** @type {import('../section.js').Section} */
export const section = {
  name: 'runners',
  async *run({ registry, folder }) {
    for (const runner of RUNNERS) {
      const project = join(folder, runner.name.replaceAll(/\W+/g, '-'));
      mkdirSync(project);
      const env = { ...environmentFor(registry, project), PROJECT_FOLDER: project };
      const options = { cwd: project, env };
      writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
      for (const file of COMMON) cpSync(join(PROJECTS, file), join(project, file));
      for (const [name, text] of Object.entries(runner.files)) {
        writeFileSync(join(project, name), text);
      }
      await run(['npm', 'install', ...PACKAGES], options);
      const lacking = await installTools(runner, options);
      for (const version of VERSIONS) {
        const node = programOf(version);
        for (const command of runner.commands) {
          const words = command
            .slice(1)
            .filter((word) => !/modules\/|transform|Match|imeout=/.test(word));
          const tried = `${runner.name}, Node ${version}, ${words.join(' ')}`;
          yield lacking === undefined
            ? await attempt(tried, async () => void (await run([node, ...command], options)))
            : { tried, outcome: 'not tried', detail: lacking };
        }
      }
    }
  },
};

/**
 * @param {Runner} runner
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<string | undefined>} why they cannot be had.
 */
async function installTools({ tools }, options) {
  if (tools.length === 0) return undefined;
  const install = ['npm', 'install', '--ignore-scripts', ...tools];
  const failure = await failureOfInstall(install, options);
  return failure && `cannot be had: ${tools.join(' ')}: ${failure}`;
}
