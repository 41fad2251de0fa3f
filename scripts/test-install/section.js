// What a section of `pnpm test:install` is: a module of the folder `sections` that exports `section`.
import { run } from '../release/commands.js';

/**
 * What a section gets.
 *
 * @typedef {object} Context
 * @property {import('./registry.js').Registry} registry has the packages, and what they depend on.
 * @property {readonly import('../release/pack.js').Tarball[]} tarballs the same packages as files.
 * @property {string} folder an empty folder for what the section makes. It is removed afterwards.
 * @property {string} node the program of Node that what is installed is run with.
 */

/**
 * One thing that was tried. `not tried` is for what cannot be had on this machine; `detail` says why.
 *
 * @typedef {object} Row
 * @property {string} tried
 * @property {'works' | 'failed' | 'not tried'} outcome
 * @property {string} [detail] one line, or some lines if it has failed.
 */

/**
 * @typedef {object} Section
 * @property {string} name for `--only`.
 * @property {(context: Context) => AsyncIterable<Row>} run tries one thing after the other. What it throws is a row that
 * has failed.
 */

/**
 * Tries one thing: what is thrown is what has failed.
 *
 * @param {string} tried
 * @param {() => Promise<string | void>} attempt resolves to the detail.
 * @returns {Promise<Row>}
 */
export async function attempt(tried, attempt) {
  try {
    const detail = await attempt();
    return { tried, outcome: 'works', detail: detail ?? '' };
  } catch (error) {
    return {
      tried,
      outcome: 'failed',
      detail: error instanceof Error ? error.message : `${error}`,
    };
  }
}

/**
 * Installs what is tried with: it comes from the registry of this machine, which may be out of reach.
 *
 * @param {readonly string[]} command
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<string | undefined>} why it cannot be had, in one line of npm's.
 */
export async function failureOfInstall(command, options) {
  try {
    await run(command, options);
    return undefined;
  } catch (error) {
    const [line] = String(error).match(/^npm error .*$/m) ?? [error];
    return String(line);
  }
}
