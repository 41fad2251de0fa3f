// The list of the programs of docs/examples: what each says of itself in its first line.
import { readdirSync, readFileSync } from 'node:fs';
import { table } from './package-arrows.js';

const FOLDER = 'docs/examples';
/** Folders that hold none. */
const EXCEPT = ['node_modules', 'test'];

/**
 * @typedef {object} Example
 * @property {string} path from the folder of the examples on.
 * @property {string} sentence what it does.
 * @property {string} command how it is started there.
 */

/**
 * All programs, by their paths.
 *
 * @returns {Example[]}
 */
export function readExamples() {
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !EXCEPT.includes(entry.name),
  );
  return folders
    .flatMap(({ name }) => readdirSync(`${FOLDER}/${name}`).map((file) => `${name}/${file}`))
    .filter((path) => path.endsWith('.mjs'))
    .sort()
    .map((path) => exampleOf(path, readFileSync(`${FOLDER}/${path}`, 'utf8')));
}

/**
 * What a program says of itself: `// What it does: node NAME ARGUMENTS`.
 *
 * @param {string} path
 * @param {string} text
 * @returns {Example}
 */
export function exampleOf(path, text) {
  const [, sentence, command] = /^\/\/ (.+?): (node .+)\n/.exec(text) ?? [];
  if (sentence === undefined || command === undefined) {
    throw new Error(`${path}: its first line does not say what it does, and how it is started`);
  }
  return { path, sentence, command };
}

/**
 * The list, as a table.
 *
 * @param {readonly Example[]} examples
 * @returns {string}
 */
export function exampleTable(examples) {
  const rows = examples.map(({ path, sentence, command }) => [
    `[${path}](${path})`,
    sentence,
    `\`${command}\``,
  ]);
  return table([['program', 'what it does', 'started by'], ...rows]);
}
