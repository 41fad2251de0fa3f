import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MAX_BYTES } from './content.js';
import { WRONG } from './patterns.js';

const HOOK = new URL('use-transport.js', import.meta.url).href;
const SENDER = fileURLToPath(new URL('sender.js', import.meta.url));
const READER = fileURLToPath(new URL('slow-reader.js', import.meta.url));
const RECEIVER = fileURLToPath(new URL('slow-receiver.js', import.meta.url));

/** How often in a row a sender must be found at the same message before it counts as held up. */
const SAME_ANSWERS = 200;

/**
 * What became of the messages.
 *
 * @typedef {object} PatternRun
 * @property {string} sent digest of what was sent.
 * @property {readonly string[]} got digest of what each of the far ends got, or its error.
 * @property {number} heldUpAt the message at which the sender stood when the far end began to read.
 * @property {number} waits how often the sender had to wait for memory.
 */

/** The processes of one run, and the folder in which they meet. */
class Stage {
  folder = mkdtempSync(join(tmpdir(), 'pf-pattern-'));
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
    return this.#watch(program, fork(program, args, { env: this.#env }));
  }

  /**
   * An example, and the lines that it prints.
   *
   * @param {URL} program
   * @param {readonly string[]} args
   */
  example(program, args) {
    const path = fileURLToPath(program);
    const child = spawn(process.execPath, ['--import', HOOK, path, ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', program.href.startsWith(WRONG.href) ? 'ignore' : 'inherit'],
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
      if (code !== 0) this.#fail(new Error(`${name} ended with ${code ?? signal}`));
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
function messageOf(child, name) {
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
async function heldUp(sender, sent) {
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

/**
 * Sends `messages` messages to an example that passes them on to a slow reader. The reader begins
 * when nothing moves any more. The sender closes when it has sent everything, or, before a wrong
 * example, when the reader has as many bytes: then nothing but their values can be wrong.
 *
 * @param {import('./patterns.js').Pattern} pattern
 * @param {URL} folder where the example is.
 * @param {string} transport
 * @param {number} messages
 * @param {AbortSignal} [signal] ends it, and its processes.
 * @returns {Promise<PatternRun>}
 */
export async function runPattern(pattern, folder, transport, messages, signal) {
  const stage = new Stage(transport, folder === WRONG, signal);
  try {
    const endpoint = join(stage.folder, 'ferry.sock');
    const { readers = 1, source, format } = pattern;
    const where = source === 'http' ? '0' : join(stage.folder, 'out');
    if (source === 'fifo') execFileSync('mkfifo', [where]);

    const read = (at = where, key = '') => {
      const reader = stage.fork(READER, [source, at, format, String(messages), key]);
      far.push(reader);
      return reader;
    };
    /** @type {import('node:child_process').ChildProcess[]} */
    const far = [];
    const sender = stage.fork(SENDER, [endpoint, String(messages)]);
    const sent = messageOf(sender, 'sent');
    if (source === 'net') {
      await stage.unlessFailed(messageOf(read(), 'listening'));
    }
    const example = stage.example(new URL(pattern.file, folder), [
      endpoint,
      where,
      ...(readers > 1 ? [String(readers)] : []),
    ]);
    if (source === 'http') {
      const { value = '' } = await example.line(); // For example: { address: '::1', port: 40001 }
      const port = /port: (\d+)/.exec(value)?.[1] ?? value;
      for (let reader = 0; reader < readers; reader++) read(port);
    } else if (source === 'fifo') {
      const key = format === 'signatures' ? ((await example.line()).value ?? '') : '';
      read(where, key);
    }

    await stage.unlessFailed(Promise.all(far.map((reader) => messageOf(reader, 'connected'))));
    const complete = Promise.all(far.map((reader) => messageOf(reader, 'complete')));
    const got = Promise.all(far.map((reader) => messageOf(reader, 'got')));
    const heldUpAt = await stage.unlessFailed(heldUp(sender, sent));
    for (const reader of far) reader.send('read');

    const { digest, waits } = await stage.unlessFailed(sent);
    if (folder === WRONG) await stage.unlessFailed(Promise.race([complete, got]));
    sender.send('close');
    const digests = await stage.unlessFailed(got);
    await stage.unlessFailed(example.exit);
    return { sent: digest, got: digests, heldUpAt, waits };
  } finally {
    await stage.end();
  }
}

/**
 * A client leaves in the middle, and the next one takes the rest.
 *
 * @param {URL} program an example that serves one client after the other.
 * @param {string} transport
 * @param {number} messages
 * @param {AbortSignal} [signal] ends it, and its processes.
 */
export async function runLeavingClient(program, transport, messages, signal) {
  const stage = new Stage(transport, false, signal);
  try {
    const endpoint = join(stage.folder, 'ferry.sock');
    const sender = stage.fork(SENDER, [endpoint, String(messages)]);
    const sent = messageOf(sender, 'sent');
    const example = stage.example(program, [endpoint, '0']);
    const { value = '' } = await example.line();
    const port = Number(/port: (\d+)/.exec(value)?.[1]);

    const [leaving] = await once(get({ host: 'localhost', port, agent: false }), 'response');
    await stage.unlessFailed(heldUp(sender, sent)); // It reads nothing: everything is full.
    leaving.on('error', () => {});
    leaving.destroy();
    const [staying] = await once(get({ host: 'localhost', port, agent: false }), 'response');
    staying.resume();
    sender.send('close');
    await stage.unlessFailed(Promise.all([sent, once(staying, 'end'), example.exit]));
  } finally {
    await stage.end();
  }
}

/**
 * The example that sends: its messages arrive at a slow receiver.
 *
 * @param {URL} program
 * @param {string} transport
 * @param {number} messages
 * @param {AbortSignal} [signal] ends it, and its processes.
 * @returns {Promise<{ sent: string, got: readonly string[] }>}
 */
export async function runSender(program, transport, messages, signal) {
  const stage = new Stage(transport, false, signal);
  try {
    const endpoint = join(stage.folder, 'ferry.sock');
    const receiver = stage.fork(RECEIVER, [endpoint]);
    const got = messageOf(receiver, 'got');
    const sender = stage.example(program, [endpoint, String(messages)]);
    const { value: sent = '' } = await sender.line();
    const digest = await stage.unlessFailed(got);
    await stage.unlessFailed(sender.exit);
    return { sent, got: [digest] };
  } finally {
    await stage.end();
  }
}
