// How the release and the tests of its tarballs start other programs.
import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import process from 'node:process';

/**
 * A program has ended with another status than 0. The message has what it printed.
 */
class CommandError extends Error {
  /**
   * @param {string} command
   * @param {string} output
   */
  constructor(command, output) {
    super(`\`${command}\` failed:\n${output.trim()}`);
    this.name = 'CommandError';
    this.output = output;
  }
}

/**
 * The command that runs pnpm: the one that has started this process, or what npx has.
 *
 * @returns {string[]}
 */
export function pnpmCommand() {
  // The user agent is no sign: npx leaves that of the pnpm that has started it.
  const { npm_execpath: path = '' } = process.env;
  if (!basename(path).startsWith('pnpm')) return ['npx', '-y', 'pnpm@12'];
  // Up to pnpm 11 that is a script.
  return /\.[cm]?js$/.test(path) ? [process.execPath, path] : [path];
}

/**
 * The environment without what a package manager has put into it for its own scripts, and without its settings: the
 * registry that a test talks to is its own.
 *
 * @param {NodeJS.ProcessEnv} [more] added to it.
 * @returns {NodeJS.ProcessEnv}
 */
export function plainEnvironment(more = {}) {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(npm|pnpm|yarn|bun)_|^(INIT_CWD|NODE_OPTIONS|NODE_PATH|VITEST.*)$/i.test(name),
  );
  return { ...Object.fromEntries(entries), NO_COLOR: '1', ...more };
}

/**
 * Runs a program to its end.
 *
 * @param {readonly string[]} command the program and its arguments.
 * @param {object} options
 * @param {string} options.cwd
 * @param {NodeJS.ProcessEnv} [options.env] `plainEnvironment()` unless given.
 * @param {AbortSignal} [options.signal] ends the program and what it has started.
 * @returns {Promise<{ stdout: string, output: string }>} what it printed: on stdout alone, and all of it.
 * @throws {CommandError} if it ends with another status than 0, or cannot be started.
 */
export async function run([program = '', ...args], { cwd, env = plainEnvironment(), signal }) {
  // In a group of its own, so that its children end with it.
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  signal?.addEventListener('abort', end, { once: true });
  let [stdout, output] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const status = await new Promise((resolve) => {
    child.once('error', ({ message }) => {
      output += message;
      resolve(message);
    });
    child.once('close', (code, killer) => resolve(code ?? killer));
  });
  signal?.removeEventListener('abort', end);
  if (status !== 0) throw new CommandError([program, ...args].join(' '), `${output}\n(${status})`);
  return { stdout, output };
}
