import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MAX_BYTES } from './content.js';
import { WRONG } from './patterns.js';

const HOOK = new URL('use-transport.js', import.meta.url).href;

/** How often in a row a sender must be found at the same message before it counts as held up. */
const SAME_ANSWERS = 200;

/** The processes of one run, and the folder in which they meet. */
export class Stage {
  folder = mkdtempSync(join(tmpdir(), 'pf-pattern-'));
  /** Whether processes are meant to fail: then only the time limit ends the run. */
  expectsFailures = false;
  /** @type {import('node:child_process').ChildProcess[]} */
  #children = [];
  /** @type {(error: Error) => void} */
  #fail = () => {};
  /** Rejects when a process fails. */
  #failure = new Promise((_resolve, reject) => {
    this.#fail = reject;
  });
  /** @type {NodeJS.ProcessEnv} */
  #env;

  /**
   * @param {string} transport
   * @param {boolean} wrong whether the example is one of the wrong ones.
   * @param {AbortSignal} [signal]
   */
  constructor(transport, wrong, signal) {
    this.#env = { ...process.env, EXAMPLE_TRANSPORT: transport };
    if (wrong) this.#env.EXAMPLE_MESSAGE_BYTES = String(MAX_BYTES);
    this.#failure.catch(() => {});
    signal?.addEventListener('abort', () => this.#fail(new Error('took too long')));
  }

  /**
   * @param {string} program
   * @param {readonly string[]} args
   */
  fork(program, args) {
    return this.#watch(
      program,
      fork(program, args, { env: this.#env, silent: this.expectsFailures }),
    );
  }

  /**
   * An example, and the lines that it prints.
   *
   * @param {URL} program
   * @param {readonly string[]} args
   */
  example(program, args) {
    const path = fileURLToPath(program);
    const silent = this.expectsFailures || program.href.startsWith(WRONG.href);
    const child = spawn(process.execPath, ['--import', HOOK, path, ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', silent ? 'ignore' : 'inherit'],
    });
    this.#watch(path, child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { exit: once(child, 'close'), line: () => this.unlessFailed(lines.next()) };
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @returns {Promise<T>}
   */
  unlessFailed(promise) {
    return /** @type {Promise<T>} */ (Promise.race([promise, this.#failure]));
  }

  async end() {
    for (const child of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true });
  }

  /**
   * @template {import('node:child_process').ChildProcess} C
   * @param {string} name
   * @param {C} child
   */
  #watch(name, child) {
    this.#children.push(child);
    child.once('exit', (code, signal) => {
      if (code === 0 || this.expectsFailures) return;
      this.#fail(new Error(`${name} ended with ${code ?? signal}`));
    });
    return child;
  }
}

/**
 * The next message with `name` in it.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} name
 * @returns {Promise<any>}
 */
export function messageOf(child, name) {
  return new Promise((resolve) => {
    const look = (/** @type {any} */ message) => {
      if (message?.[name] === undefined) return;
      child.off('message', look);
      resolve(message[name]);
    };
    child.on('message', look);
  });
}

/**
 * Resolves when the sender stands still because nobody reads, or has sent everything nevertheless.
 *
 * @param {import('node:child_process').ChildProcess} sender
 * @param {Promise<unknown>} sent
 * @returns {Promise<number>} how far it had got.
 */
export async function heldUp(sender, sent) {
  let done = false;
  void sent.then(() => {
    done = true;
  });
  let last = -1;
  for (let same = 0; same < SAME_ANSWERS && !done; ) {
    const answer = messageOf(sender, 'progress');
    if (sender.connected) sender.send('how far?', () => {});
    const progress = await Promise.race([answer, sent.then(() => last)]);
    same = progress === last && progress > 0 ? same + 1 : 0;
    last = progress;
  }
  return last;
}
