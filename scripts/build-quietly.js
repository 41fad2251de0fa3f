// Builds packages and says nothing of it, unless it takes long or fails.
import { spawn } from 'node:child_process';
import { basename, delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NOTICE_AFTER = 3000; // Milliseconds: what is built already takes less.

/**
 * Builds what has changed of a package and of those that it depends on. If that fails, it prints what the compilers said
 * to stderr.
 *
 * @param {string} filter for turbo: `@pageferry/demo...`.
 * @returns {Promise<boolean>} whether it is built.
 */
export async function buildQuietly(filter) {
  const turbo = join(ROOT, 'node_modules/.bin/turbo');
  const args = ['run', 'build', `--filter=${filter}`, '--output-logs=errors-only'];
  const child = spawn(turbo, args, {
    cwd: ROOT,
    env: withPnpm(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const notice = setTimeout(() => {
    process.stderr.write(
      'Building what is not built yet: the first time that takes a minute or two.\n',
    );
  }, NOTICE_AFTER);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const status = await new Promise((resolve) => {
    child.once('error', ({ message }) => {
      output += message;
      resolve(message);
    });
    child.once('close', resolve);
  });
  clearTimeout(notice);
  if (status !== 0) process.stderr.write(output);
  return status === 0;
}

/** The environment with the pnpm that has started this on the search path, where turbo looks for it. */
function withPnpm() {
  const { npm_execpath: path = '', PATH = '' } = process.env;
  if (!basename(path).startsWith('pnpm')) return process.env;
  return { ...process.env, PATH: `${dirname(path)}${delimiter}${PATH}` };
}
