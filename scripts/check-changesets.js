// Checks that every changeset names packages of the workspace: a formatter once made a heading of
// the lines that do, and the release would have stopped there.
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import parse from '@changesets/parse';
import { readPackages } from './check-packages.js';

/**
 * What is wrong with a changeset, as a sentence; `undefined` if nothing is.
 *
 * @param {string} text
 * @param {readonly string[]} packages names of the workspace's packages
 * @returns {string | undefined}
 */
export function wrongChangeset(text, packages) {
  let changeset;
  try {
    changeset = parse(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { releases, summary } = changeset;
  if (releases.length === 0) return 'it names no package';
  if (summary === '') return 'it says nothing';
  const unknown = releases.find(({ name }) => !packages.includes(name));
  return unknown && `there is no package ${unknown.name}`;
}

/**
 * The packages that would have their first release without a word about them, as sentences.
 *
 * @param {readonly string[]} texts of all changesets.
 * @param {readonly { name: string, version: string, private?: boolean }[]} manifests
 * @returns {string[]}
 */
export function unspokenOf(texts, manifests) {
  const named = texts.flatMap((text) => parse(text).releases.map(({ name }) => name));
  return manifests
    .filter((each) => each.private !== true && each.version === '0.0.0')
    .filter(({ name }) => !named.includes(name))
    .map(({ name }) => `${name} has no release yet, and no changeset says what its first one is`);
}

/**
 * The changesets of the workspace that are wrong, as sentences.
 *
 * @returns {{ count: number, wrong: readonly string[] }}
 */
export function checkChangesets() {
  const folders = ['packages', 'packages/linux-napi/npm', 'apps'];
  const manifests = folders.flatMap(readPackages);
  const packages = manifests.map(({ name }) => name);
  const files = readdirSync('.changeset').filter((file) => file.endsWith('.md'));
  const texts = files.map((file) => readFileSync(`.changeset/${file}`, 'utf8'));
  const wrong = files.flatMap((file, index) => {
    const why = wrongChangeset(texts[index] ?? '', packages);
    return why === undefined ? [] : [`.changeset/${file}: ${why}`];
  });
  return { count: files.length, wrong: wrong.length > 0 ? wrong : unspokenOf(texts, manifests) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { count, wrong } = checkChangesets();
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (wrong.length > 0) process.exit(1);
  process.stdout.write(`${count} changesets: all name their packages\n`);
}
