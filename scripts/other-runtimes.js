import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { findProgram, installProgram } from './npm-program.js';

/**
 * @typedef {object} OtherRuntime A runtime that is not Node, and answers for Node's modules.
 * @property {string} name as it calls itself.
 * @property {string} variable of the environment, which names its program.
 * @property {readonly [name: string, version: string, file: string]} npm the package that has it, for this processor.
 * @property {readonly string[]} args before the program that it is to run.
 */

const isX64 = process.arch === 'x64';

/** The versions are those that the tests were last run with. @type {readonly OtherRuntime[]} */
export const OTHER_RUNTIMES = [
  {
    name: 'Bun',
    variable: 'PAGEFERRY_BUN',
    npm: [isX64 ? '@oven/bun-linux-x64-baseline' : '@oven/bun-linux-aarch64', '1.4.5', 'bin/bun'],
    args: [],
  },
  {
    name: 'Deno',
    variable: 'PAGEFERRY_DENO',
    npm: [isX64 ? '@deno/linux-x64-glibc' : '@deno/linux-arm64-glibc', '2.9.6', 'deno'],
    args: ['run', '--allow-all'],
  },
];

/**
 * Where a runtime is: what the environment names, what `pnpm test:runtimes` has installed, or what is on the path.
 *
 * @param {OtherRuntime} runtime
 * @returns {string | undefined}
 */
export function findRuntime({ name, variable, npm }) {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = folders.map((folder) => join(folder, name.toLowerCase())).find(isProgram);
  return process.env[variable] || findProgram(...npm) || onPath;
}

/**
 * Has a runtime where {@link findRuntime} finds it: installs it from npm unless there is one.
 *
 * @param {OtherRuntime} runtime
 */
export function provideRuntime(runtime) {
  return findRuntime(runtime) ?? installProgram(...runtime.npm);
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
