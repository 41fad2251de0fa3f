import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SharedDelivery } from '@pageferry/shared-mmap';

/** What a thread has of a message: its number, its first byte and its last one. */
export type Seen = readonly [sequence: number, first: number, last: number];

/** Another thread, which keeps what it is sent until it is told otherwise. */
export class ThreadReader implements AsyncDisposable {
  readonly #worker = new Worker(new URL('../peers/thread-reader.mjs', import.meta.url));
  readonly #exit = once(this.#worker, 'exit');

  /** Has it open a delivery. */
  open(shared: SharedDelivery): Promise<readonly Seen[]> {
    return this.#call({ command: 'open', shared });
  }

  /** Has it look at what it has, release the oldest of that, or lose sight of all of it. */
  call(command: 'look' | 'release' | 'forget'): Promise<readonly Seen[]> {
    return this.#call({ command });
  }

  /** Sends it a delivery that it has no time to take. */
  post(shared: SharedDelivery): void {
    this.#worker.postMessage({ command: 'open', shared });
  }

  /** Has it end by itself, without a word. */
  async end(): Promise<void> {
    this.#worker.postMessage({ command: 'end' });
    await this.#exit;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }

  async #call(message: unknown): Promise<readonly Seen[]> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage(message);
    const [seen] = await answer;
    return seen;
  }
}
