// The programs of the README, in the folder of somebody who has installed the packages.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programsOf } from '../../docs/examples/test/harness/programs.js';
import { plainEnvironment, run } from '../release/commands.js';
import { ROOT } from '../release/pack.js';

/** The two files that the README begins with. */
const NAMES = ['README/sender', 'README/receiver'];
/** What the second one prints. */
const PRINTED = '8294400 7';

/**
 * Writes the README's two files as they are.
 *
 * @param {string} folder where the packages are installed.
 * @param {string} [from] what they import from, in place of `pageferry`.
 */
export function writeReadme(folder, from = 'pageferry') {
  const programs = programsOf(ROOT).filter(({ name }) => NAMES.includes(name));
  if (programs.length !== NAMES.length) throw new Error('the README has no such files any more');
  for (const { name, source } of programs) {
    writeFileSync(fileOf(folder, name), source.replace("from 'pageferry'", `from '${from}'`));
  }
}

/**
 * Runs both programs at once, until both have ended.
 *
 * @param {string} folder
 * @param {object} options
 * @param {readonly string[]} options.node what runs a program.
 * @param {NodeJS.ProcessEnv} [options.env]
 * @throws {Error} if one has failed, or the receiver has not printed what was sent.
 */
export async function runReadme(folder, { node, env = plainEnvironment() }) {
  const failed = new AbortController();
  const ends = NAMES.map(async (name) => {
    const program = fileOf(folder, name);
    try {
      const own = { ...env, XDG_RUNTIME_DIR: folder };
      return await run([...node, program], { cwd: folder, env: own, signal: failed.signal });
    } catch (error) {
      failed.abort(); // The other one would wait for it.
      throw error;
    }
  });
  const [sender, receiver] = await Promise.allSettled(ends);
  const errors = [sender, receiver].flatMap((end) =>
    end?.status === 'rejected' ? [end.reason] : [],
  );
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  const printed = receiver?.status === 'fulfilled' ? receiver.value.stdout : '';
  if (printed.trim() !== PRINTED)
    throw new Error(`the receiver printed ${JSON.stringify(printed)}`);
}

/**
 * @param {string} folder
 * @param {string} name
 */
function fileOf(folder, name) {
  return join(folder, `${name.split('/')[1]}.mjs`);
}
