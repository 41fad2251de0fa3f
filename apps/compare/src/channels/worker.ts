import { type MessagePort, parentPort, type Worker } from 'node:worker_threads';
import type { Task } from '../trials/task.js';
import type { Listening, ReceiverHandle, ReceivingSide, SendingSide } from './channel.js';
import { MessageQueue } from './message-queue.js';

/** The receiver is a thread of the sender's process: no other process gets these bytes. */
export const receivers = 'threads';

/** Buffers that go round. */
const MOST_BUFFERS = 64;
const BYTES_UNDER_WAY = 4 * 1024 * 1024;

/** `postMessage` with a transfer list. The receiver transfers each buffer back for the next use. */
export async function listen(task: Task, handles: readonly ReceiverHandle[]): Promise<Listening> {
  return { connected: async () => workerSender(task, handles[0]?.worker as Worker) };
}

function workerSender({ payloadBytes }: Task, worker: Worker): SendingSide {
  const count = Math.min(MOST_BUFFERS, Math.max(2, Math.ceil(BYTES_UNDER_WAY / payloadBytes)));
  const free: Uint8Array[] = Array.from({ length: count }, () => new Uint8Array(payloadBytes));
  let returned: ((bytes: Uint8Array) => void) | undefined;
  worker.on('message', (message) => {
    if (!(message instanceof Uint8Array)) return;
    free.push(message);
    returned?.(message);
  });
  const next = () =>
    new Promise<Uint8Array>((resolve) => {
      returned = resolve;
    });
  const post = (bytes: Uint8Array, write: (bytes: Uint8Array) => void) => {
    write(bytes);
    worker.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
  };
  return {
    knobs: { buffers: count },
    async send(messages, write) {
      for (let index = 0; index < messages; index++) {
        if (free.length === 0) await next();
        post(free.pop() as Uint8Array, write);
      }
    },
    async exchange(messages, write, see, answered) {
      for (let index = 0; index < messages; index++) {
        const answer = next();
        post(free.pop() as Uint8Array, write);
        const bytes = await answer;
        see(bytes, 0, bytes.length, 0);
        answered();
      }
    },
    async close() {},
  };
}

/** The other side of {@link listen}. Without the setting `transfer` what it gives back is copied. */
export async function connect({ channel }: Task): Promise<ReceivingSide> {
  const port = parentPort as MessagePort;
  const queue = new MessageQueue();
  port.on('message', (message) => {
    if (message instanceof Uint8Array) queue.push(message);
  });
  const giveBack = (bytes: Uint8Array) => port.postMessage(bytes, transferList(channel, bytes));
  return {
    receive: (count, see) =>
      queue.see(count, (bytes, ...part) => {
        see(bytes, ...part);
        giveBack(bytes);
      }),
    moveOn: (count, destination) =>
      queue.see(count, (bytes) => {
        destination.write(bytes);
        giveBack(bytes);
      }),
    answer: (count, see, write) =>
      queue.see(count, (bytes, ...part) => {
        see(bytes, ...part);
        write(bytes);
        giveBack(bytes);
      }),
    async close() {
      queue.end();
    },
  };
}

/** What of a message is transferred: its memory, or nothing. */
export function transferList({ settings }: Task['channel'], { buffer }: Uint8Array): ArrayBuffer[] {
  return settings['transfer'] ? [buffer as ArrayBuffer] : [];
}
