// Publishes tarballs as they are: what was packed and tested is what people get, byte for byte.
import { plainEnvironment, run } from './commands.js';

/** What npm says of a version that is published already. */
const IS_THERE = /previously published|EPUBLISHCONFLICT/;

/**
 * @param {readonly import('./pack.js').Tarball[]} tarballs each after those that it depends on.
 * @param {object} options
 * @param {string} options.cwd where npm looks for its settings.
 * @param {NodeJS.ProcessEnv} [options.env] `plainEnvironment()` unless given.
 * @param {readonly string[]} [options.flags] for `npm publish`.
 * @returns {AsyncGenerator<{ tarball: import('./pack.js').Tarball, outcome: 'published' | 'was there' }>} one for each. What an
 * earlier attempt has published stays as it is.
 */
export async function* publish(tarballs, { cwd, env = plainEnvironment(), flags = [] }) {
  for (const tarball of tarballs) {
    let outcome = /** @type {'published' | 'was there'} */ ('published');
    try {
      await run(['npm', 'publish', tarball.file, '--access', 'public', ...flags], { cwd, env });
    } catch (error) {
      if (!(error instanceof Error) || !IS_THERE.test(error.message)) throw error;
      outcome = 'was there';
    }
    yield { tarball, outcome };
  }
}
