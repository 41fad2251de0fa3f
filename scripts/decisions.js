// Reads the decisions in docs/decisions. Each begins with its number, its status and its scope; what it says
// of others has to be so.
import { readdirSync, readFileSync } from 'node:fs';
import { table } from './package-arrows.js';

/**
 * @typedef {object} Decision
 * @property {string} file
 * @property {number} number
 * @property {string} title
 * @property {string} status `accepted`, or how far it is overtaken and by which decisions.
 * @property {string[]} overtakenBy the files of those decisions.
 * @property {string[]} scope the folders and files that it is about, from the repository's root on.
 */

const HEAD = /^# (\d+)\. (.+)\n\n- Status: (.+?)\n- Scope: (.+?)\n\n/s;
const LINK = /\[(\d+)\]\((\d{4}-[\w-]+\.md)\)/;
/** Another decision, and in words what of this one it has overtaken. */
const BY = `${LINK.source}(?: \\([^()]+\\))?`;
const STATUS = new RegExp(`^(?:accepted|overtaken in (?:part|whole) by ${BY}(?:, ${BY})*)$`);

/**
 * @param {string} file
 * @param {string} text
 * @returns {Decision}
 * @throws if its head is not one.
 */
export function parseDecision(file, text) {
  const [, number, title = '', status = '', scope = ''] = HEAD.exec(text) ?? [];
  if (number === undefined)
    throw new Error(`${file}: it does not begin with title, status and scope`);
  const line = status.replaceAll(/\s+/g, ' ');
  if (!STATUS.test(line)) throw new Error(`${file}: '${line}' is no status`);
  const paths = scope.replaceAll(/\s+/g, ' ').split(', ');
  if (!paths.every((path) => /^`[\w./-]+`$/.test(path))) {
    throw new Error(`${file}: '${scope}' is no list of paths`);
  }
  return {
    file,
    number: Number(number),
    title,
    status: line,
    overtakenBy: [...line.matchAll(new RegExp(LINK, 'g'))].map(([, , by = '']) => by),
    scope: paths.map((path) => path.slice(1, -1)),
  };
}

/**
 * All decisions, the first one first.
 *
 * @param {string} folder
 * @returns {Decision[]}
 */
export function readDecisions(folder) {
  return readdirSync(folder)
    .filter((file) => /^\d/.test(file))
    .sort()
    .map((file) => parseDecision(file, readFileSync(`${folder}/${file}`, 'utf8')));
}

/**
 * What the heads say and what is not so, as sentences.
 *
 * @param {readonly Decision[]} decisions
 * @param {(path: string) => boolean} exists
 * @returns {string[]}
 */
export function wrongHeads(decisions, exists) {
  return decisions.flatMap(({ file, number, status, overtakenBy, scope }) => [
    ...(numberOf(file) === number ? [] : [`${file}: it calls itself number ${number}`]),
    ...scope.filter((path) => !exists(path)).map((path) => `${file}: there is no ${path}`),
    ...overtakenBy
      .filter((by) => !decisions.some((other) => other.file === by))
      .map((by) => `${file}: there is no ${by}`),
    ...overtakenBy
      .filter((by) => numberOf(by) <= number || !status.includes(`[${numberOf(by)}](${by})`))
      .map((by) => `${file}: ${by} is no later decision, or has another number`),
  ]);
}

/**
 * The index of the decisions.
 *
 * @param {readonly Decision[]} decisions
 * @returns {string}
 */
export function decisionIndex(decisions) {
  const rows = decisions.map(({ file, number, title, status, scope }) => [
    String(number),
    `[${title}](${file})`,
    status.replaceAll(/ \([^()]+\)(?=,|$)/g, ''),
    scope.map((path) => `\`${path}\``).join(', '),
  ]);
  return table([['', 'decision', 'status', 'scope'], ...rows]);
}

/** @param {string} file */
function numberOf(file) {
  return Number(file.slice(0, 4));
}
