// The prebuilt addons of all platforms, where they are not there yet or older than their sources.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pnpmCommand, run } from './commands.js';
import { ROOT } from './pack.js';

const PACKAGE = join(ROOT, 'packages/linux-napi');

/**
 * Builds the addons that are missing or old. It takes a compiler from npm, once.
 *
 * @param {(line: string) => void} say told if that happens, because it takes some minutes.
 */
export async function makePrebuilds(say) {
  const sources = ['native', 'scripts'].flatMap((name) => filesIn(join(PACKAGE, name)));
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  const isMade = readdirSync(join(PACKAGE, 'npm')).every((platform) => {
    const file = join(PACKAGE, 'npm', platform, 'linux_napi.node');
    return (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest;
  });
  if (isMade) return;
  say('Building the addons of all platforms');
  // As it is, with its settings: it installs the compiler from the registry that is set.
  const env = process.env;
  await run([...pnpmCommand(), 'prebuilds'], { cwd: PACKAGE, env });
}

/** @param {string} folder */
function filesIn(folder) {
  return readdirSync(folder).map((name) => join(folder, name));
}
