// Publishes a release: `pnpm release [--dry-run] [--out FOLDER]`. The addons of all platforms are built, the packages
// packed, and the tarballs tested and published, byte for byte. With `--dry-run`, it ends with the tarballs, which
// `pnpm test:install --tarballs FOLDER` tests; what is pending in .changeset is in them already.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { table } from './package-arrows.js';
import { run } from './release/commands.js';
import { packRelease, ROOT } from './release/pack.js';
import { makePrebuilds } from './release/prebuilds.js';
import { publish } from './release/publish.js';

const { values } = parseArgs({
  options: {
    'dry-run': { type: 'boolean', default: false },
    out: { type: 'string', default: join(ROOT, 'build/release') },
  },
});
const isDry = values['dry-run'];
const folder = resolve(values.out);

try {
  if (!isDry) await refuseWhatIsNoRelease();
  await makePrebuilds(say);
  say('Building and packing');
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tgz')) rmSync(join(folder, name)); // Of an earlier attempt.
  }
  const tarballs = await packRelease(folder);
  process.stdout.write(`${tarballTable(tarballs)}\n`);
  if (isDry) {
    const path = relative(process.cwd(), folder);
    say(`Nothing was published. The tarballs are in ${path}: pnpm test:install --tarballs ${path}`);
  } else {
    say('Testing the tarballs');
    const main = join(ROOT, 'scripts/test-install/main.js');
    const options = { cwd: ROOT, env: process.env };
    const { stdout } = await run([process.execPath, main, '--tarballs', folder], options);
    process.stdout.write(stdout);
    // Where a public CI says who it is, npm writes down which commit the tarball was made of.
    const flags = process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] ? ['--provenance'] : [];
    for await (const { tarball, outcome } of publish(tarballs, { ...options, flags })) {
      say(`${tarball.name}@${tarball.version}: ${outcome}`);
    }
    const tags = await run([join(ROOT, 'node_modules/.bin/changeset'), 'tag'], options);
    process.stdout.write(tags.stdout);
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

/** A release is a commit whose versions and changelogs are written. */
async function refuseWhatIsNoRelease() {
  const pending = readdirSync(join(ROOT, '.changeset')).filter((name) => name.endsWith('.md'));
  if (pending.length > 0) {
    throw new Error(
      `${pending.length} changesets are pending: \`pnpm changeset version\` makes versions and changelogs of them, ` +
        'to be committed. `pnpm release --dry-run` shows what would be published.',
    );
  }
  const { stdout } = await run(['git', 'status', '--porcelain'], { cwd: ROOT });
  if (stdout !== '') throw new Error(`these files are not committed:\n${stdout}`);
}

/** @param {readonly import('./release/pack.js').Tarball[]} tarballs */
function tarballTable(tarballs) {
  const rows = tarballs.map(({ name, version, file }) => {
    const bytes = readFileSync(file);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return [`${name}@${version}`, String(bytes.length), digest.slice(0, 16)];
  });
  return table([['tarball', 'bytes', 'SHA-256 begins with'], ...rows]);
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}
