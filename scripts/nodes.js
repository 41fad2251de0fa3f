import process from 'node:process';
import { installProgram } from './npm-program.js';

/**
 * The program of a version of Node, which is installed if it is not there yet.
 *
 * @param {string} version as npm knows it: `22`, or `22.23.3`.
 * @param {string} [arch] the processor: this one's unless given.
 * @returns {string} its path.
 */
export function programOf(version, arch = process.arch) {
  return installProgram(`node-linux-${arch}`, version, 'bin/node');
}
