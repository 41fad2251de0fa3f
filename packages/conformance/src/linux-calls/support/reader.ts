import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Keeps what it is sent until it is told to forget it, and says what the first byte is when it is asked. */
const PROGRAM = `
const { parentPort } = require('node:worker_threads');
let kept = [];
parentPort.on('message', (message) => {
  if (message === 'forget') kept = [];
  else if (message !== 'read') kept.push(new Uint8Array(message));
  if (message === 'forget') globalThis.gc?.();
  parentPort.postMessage(kept.map((bytes) => bytes[0] ?? -1));
});
`;

/** Another thread, which reads what it is sent. */
export class Reader implements AsyncDisposable {
  readonly #worker = new Worker(PROGRAM, { eval: true });

  /** Sends it something, and waits for the first bytes of all that it has. */
  async send(message: unknown): Promise<readonly number[]> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage(message);
    const [firstBytes] = await answer;
    return firstBytes;
  }

  /** Ends it as Node ends a thread: none of its code runs any more. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }
}
