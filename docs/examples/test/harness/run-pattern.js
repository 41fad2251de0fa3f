import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WRONG } from './patterns.js';
import { heldUp, messageOf, Stage } from './stage.js';

const SENDER = fileURLToPath(new URL('sender.js', import.meta.url));
const READER = fileURLToPath(new URL('slow-reader.js', import.meta.url));
const RECEIVER = fileURLToPath(new URL('slow-receiver.js', import.meta.url));

/**
 * What became of the messages.
 *
 * @typedef {object} PatternRun
 * @property {string} sent digest of what was sent.
 * @property {readonly string[]} got digest of what each of the far ends got, or its error.
 * @property {number} heldUpAt the message at which the sender stood when the far end began to read.
 * @property {number} waits how often the sender had to wait for memory.
 */

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
