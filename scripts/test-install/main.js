// Installs what a release would publish, out of a registry on loopback, and uses it as users do:
// `pnpm test:install [--only SECTION]... [--node PROGRAM] [--tarballs FOLDER] [--all]`. The tarballs are those of
// `pnpm release --dry-run`, made now unless a folder has them. Ends with a table, and with 1 if anything has failed;
// with `--all` also if something could not be tried here.
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { table } from '../package-arrows.js';
import { packRelease } from '../release/pack.js';
import { makePrebuilds } from '../release/prebuilds.js';
import { readTarballs } from '../release/tarball.js';
import { publishOnLoopback } from './packed.js';

/** @typedef {import('./section.js').Row & { section: string }} Result */

/** What fits into the table; all of what has failed is shown when it does. */
const DETAIL_LENGTH = 90;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    node: { type: 'string', default: process.execPath },
    tarballs: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});

const sections = await readSections();
const unknown = (values.only ?? []).filter((name) => !sections.some((each) => each.name === name));
if (unknown.length > 0) {
  say(
    `There is no section ${unknown.join(', ')}. There are: ${sections.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pf-install-')));
/** @type {Result[]} */
const results = [];
try {
  const tarballs = await tarballsFrom(values.tarballs);
  const registry = await publishOnLoopback(tarballs, folder);
  try {
    for (const section of sections) {
      if (values.only && !values.only.includes(section.name)) continue;
      // Apart: what is installed lies beside them, and one section is called as a folder of that.
      const own = join(folder, 'sections', section.name);
      mkdirSync(own, { recursive: true });
      for await (const row of rowsOf(section, {
        registry,
        tarballs,
        folder: own,
        node: values.node,
      })) {
        say(`${section.name}: ${row.tried}: ${row.outcome}`);
        if (row.outcome === 'failed') say(row.detail ?? '');
        results.push({ section: section.name, ...row });
      }
      rmSync(own, { recursive: true });
    }
  } finally {
    await registry.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`\n${resultTable(results)}\n`);
const bad = values.all ? ['failed', 'not tried'] : ['failed'];
if (results.length === 0 || results.some(({ outcome }) => bad.includes(outcome)))
  process.exitCode = 1;

/** @param {string | undefined} made the folder where they are already. */
async function tarballsFrom(made) {
  if (made !== undefined) return readTarballs(made);
  await makePrebuilds(say);
  say('Packing what a release publishes');
  return packRelease(join(folder, 'tarballs'));
}

/** @returns {Promise<import('./section.js').Section[]>} */
async function readSections() {
  const parent = new URL('sections/', import.meta.url);
  const files = readdirSync(parent).filter((name) => name.endsWith('.js'));
  return Promise.all(
    files.toSorted().map(async (file) => (await import(new URL(file, parent).href)).section),
  );
}

/**
 * @param {import('./section.js').Section} section
 * @param {import('./section.js').Context} context
 * @returns {AsyncGenerator<import('./section.js').Row>}
 */
async function* rowsOf(section, context) {
  try {
    yield* section.run(context);
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    yield { tried: 'all of it', outcome: 'failed', detail };
  }
}

/** @param {readonly Result[]} results */
function resultTable(results) {
  const rows = results.map(({ section, tried, outcome, detail = '' }) => [
    section,
    tried,
    outcome,
    detail.split('\n', 1)[0]?.slice(0, DETAIL_LENGTH) ?? '',
  ]);
  return table([['section', 'tried', 'outcome', 'detail'], ...rows]);
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}
