import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import type { Place } from './place.js';

const program = new URL('sender-process.mjs', import.meta.url).pathname;

/** A second process that can be a sender. */
export class SenderProcess {
  readonly #child: ChildProcess;
  readonly #words: AsyncIterator<[string]>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // Keeps what is said before anybody asks.
    this.#words = on(child, 'message') as AsyncIterator<[string]>;
  }

  static async start(place: Place): Promise<SenderProcess> {
    const child = fork(program);
    const process = new SenderProcess(child);
    place.defer(() => process.kill());
    await process.answer();
    return process;
  }

  /** Has it become the sender of `endpoint`, and send messages of these lengths. */
  send(endpoint: string, say?: readonly number[]): void {
    this.#child.send({ endpoint, say });
  }

  /** Its next word: `started`, `said`, or the code of an error. */
  async answer(): Promise<string> {
    const { value } = await this.#words.next();
    return value[0];
  }

  /** Kills it, and waits until it is dead. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const dead = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await dead;
  }
}
