import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heldUp, messageOf, Stage } from './stage.js';

const SENDER = fileURLToPath(new URL('sender.js', import.meta.url));
const READER = fileURLToPath(new URL('slow-reader.js', import.meta.url));

/** More than are ever sent: the sender goes on until it is told to stop. */
const ENDLESS = '1000000000';

/** What the client that stays has to get after the last of the others has left. */
const MORE_BYTES = 1024 * 1024;

/**
 * Reads a response until `bytes` bytes have come.
 *
 * @param {import('node:http').IncomingMessage} response
 * @param {number} bytes
 */
async function readBytes(response, bytes) {
  let missing = bytes;
  while (missing > 0) {
    const [piece] = await once(response, 'data');
    missing -= piece.length;
  }
}

/**
 * Clients leave in the middle of a stream that does not end, and one that stays goes on to get it. It is
 * the last to come, or the first where all are served at once.
 *
 * @param {URL} program
 * @param {string} transport
 * @param {{ clients: number, atOnce: boolean }} how many leave.
 * @param {AbortSignal} [signal] ends it, and its processes.
 */
export async function runLeavingClients(program, transport, { clients, atOnce }, signal) {
  const stage = new Stage(transport, false, signal);
  try {
    const endpoint = join(stage.folder, 'ferry.sock');
    const sender = stage.fork(SENDER, [endpoint, ENDLESS]);
    const sent = messageOf(sender, 'sent');
    const example = stage.example(program, [endpoint, '0']);
    const { value = '' } = await example.line();
    const port = Number(/port: (\d+)/.exec(value)?.[1]);
    const connect = async () => {
      const [response] = await once(get({ host: 'localhost', port, agent: false }), 'response');
      return response;
    };

    const first = atOnce ? await connect() : undefined;
    first?.resume();
    for (let client = 0; client < clients; client++) {
      const leaving = await stage.unlessFailed(connect());
      leaving.on('error', () => {});
      const readsNothing = client === 0 && !atOnce; // Until everything is full.
      if (readsNothing) await stage.unlessFailed(heldUp(sender, sent));
      else await stage.unlessFailed(readBytes(leaving, client * 1000));
      leaving.destroy();
    }
    const staying = first ?? (await stage.unlessFailed(connect()));
    await stage.unlessFailed(readBytes(staying, MORE_BYTES));
    staying.resume();
    sender.send('stop');
    sender.send('close');
    await stage.unlessFailed(Promise.all([sent, once(staying, 'end'), example.exit]));
  } finally {
    await stage.end();
  }
}

/**
 * The only reader of what an example writes is killed while the example waits for it.
 *
 * @param {import('./patterns.js').Pattern} pattern
 * @param {URL} folder where the example is.
 * @param {AbortSignal} [signal] ends it, and its processes.
 * @returns {Promise<number | null>} the exit status of the example.
 */
export async function runLeavingReader({ file, source, format }, folder, signal) {
  const stage = new Stage('shared-mmap', false, signal);
  try {
    const endpoint = join(stage.folder, 'ferry.sock');
    const where = join(stage.folder, 'out');
    if (source === 'fifo') execFileSync('mkfifo', [where]);
    stage.expectsFailures = true;
    const sender = stage.fork(SENDER, [endpoint, ENDLESS]);
    const read = (key = '') => stage.fork(READER, [source, where, format, '0', key]);

    const listening = source === 'net' ? read() : undefined;
    if (listening) await stage.unlessFailed(messageOf(listening, 'listening'));
    const example = stage.example(new URL(file, folder), [endpoint, where]);
    const key = format === 'signatures' ? (await example.line()).value : '';
    const reader = listening ?? read(key);
    await stage.unlessFailed(messageOf(reader, 'connected'));
    await stage.unlessFailed(heldUp(sender, messageOf(sender, 'sent')));
    reader.kill('SIGKILL');
    const [status] = await stage.unlessFailed(example.exit);
    return status;
  } finally {
    await stage.end();
  }
}

/**
 * The sender is killed while a client gets what it sends.
 *
 * @param {URL} program
 * @param {AbortSignal} [signal] ends it, and its processes.
 * @returns {Promise<{ status: number | null, complete: boolean }>} the exit status of the example, and
 *   whether the client takes what it has got for everything.
 */
export async function runKilledSender(program, signal) {
  const stage = new Stage('shared-mmap', false, signal);
  try {
    const endpoint = join(stage.folder, 'ferry.sock');
    stage.expectsFailures = true;
    const sender = stage.fork(SENDER, [endpoint, ENDLESS]);
    const example = stage.example(program, [endpoint, '0']);
    const { value = '' } = await example.line();
    const port = Number(/port: (\d+)/.exec(value)?.[1]);
    const [response] = await once(get({ host: 'localhost', port, agent: false }), 'response');
    response.on('error', () => {});
    response.resume();
    await stage.unlessFailed(readBytes(response, MORE_BYTES));
    sender.kill('SIGKILL');
    await stage.unlessFailed(new Promise((resolve) => response.once('close', resolve)));
    const [status] = await stage.unlessFailed(example.exit);
    return { status, complete: response.complete };
  } finally {
    await stage.end();
  }
}
