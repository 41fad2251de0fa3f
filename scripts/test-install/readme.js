// The programs of the README, in the folder of somebody who has installed the packages.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programsOf } from '../../docs/examples/test/harness/programs.js';
import { plainEnvironment, run } from '../release/commands.js';
import { ROOT } from '../release/pack.js';

/** The two files that the README begins with. */
const NAMES = ['README/sender', 'README/receiver'];

/** What the README says that TypeScript has to be given for `using`. */
const COMPILER_OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2022', 'esnext.disposable'],
  types: ['node'],
};

/**
 * Writes the README's two files, and compiles them as it says.
 *
 * @param {string} folder where the packages are installed.
 * @param {object} [options]
 * @param {readonly string[]} [options.tsc] the compiler; the installed one unless given.
 * @param {readonly string[]} [options.typeRoots] where it finds `@types/node`, if that is not installed.
 */
export async function compileReadme(folder, options = {}) {
  const { tsc = [join(folder, 'node_modules/.bin/tsc')], typeRoots } = options;
  mkdirSync(join(folder, 'src'), { recursive: true });
  for (const { name, source } of programsOf(ROOT).filter(({ name }) => NAMES.includes(name))) {
    writeFileSync(join(folder, 'src', `${name.split('/')[1]}.ts`), source);
  }
  const config = {
    compilerOptions: {
      ...COMPILER_OPTIONS,
      strict: true,
      rootDir: 'src',
      outDir: 'dist',
      typeRoots,
    },
    include: ['src'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await run([...tsc, '-p', folder], { cwd: folder });
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
    const program = join(folder, 'dist', `${name.split('/')[1]}.js`);
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
  if (printed.trim() !== '7') throw new Error(`the receiver printed ${JSON.stringify(printed)}`);
}
