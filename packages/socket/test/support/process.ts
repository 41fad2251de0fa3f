import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import type { Place } from './place.js';

/** A program in a process of its own, which says something once it has started. */
class Program {
  readonly #child: ChildProcess;
  readonly #words: AsyncIterator<[unknown]>;

  protected constructor(child: ChildProcess) {
    this.#child = child;
    // Keeps what is said before anybody asks.
    this.#words = on(child, 'message') as AsyncIterator<[unknown]>;
  }

  /** Starts a file of this folder. */
  protected static fork(name: string): ChildProcess {
    return fork(new URL(name, import.meta.url).pathname);
  }

  protected async begin(place: Place): Promise<void> {
    place.defer(() => this.kill());
    await this.next();
  }

  protected tell(order: object): void {
    this.#child.send(order);
  }

  /** The next that it says. */
  protected async next(): Promise<unknown> {
    const { value } = await this.#words.next();
    return value[0];
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Kills it, and waits until it is dead. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const dead = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await dead;
  }

  /** Lets it go; resolves to its exit code once it has ended by itself. */
  async ended(): Promise<unknown> {
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    return (await ended)[0];
  }
}

/** A second process that can be a sender. */
export class SenderProcess extends Program {
  static async start(place: Place): Promise<SenderProcess> {
    const process = new SenderProcess(Program.fork('sender-process.mjs'));
    await process.begin(place);
    return process;
  }

  /** Has it become the sender of `endpoint`, and send messages of these lengths. */
  send(endpoint: string, say?: readonly number[]): void {
    this.tell({ endpoint, say });
  }

  /** Its next word: `started`, `said`, or the code of an error. */
  async answer(): Promise<unknown> {
    return this.next();
  }
}

/** What a process received: lengths, and how it ended. */
export interface Report {
  readonly lengths: readonly number[];
  /** True if each was as its sender has filled it, and counted from 0 on. */
  readonly isRight: boolean;
  readonly hasEnded: boolean;
}

/** A second process with one side of a channel. */
export class ChannelProcess extends Program {
  #calls = 0;
  readonly #answers = new Map<number, (answer: [unknown, string | undefined]) => void>();

  static async start(place: Place): Promise<ChannelProcess> {
    const process = new ChannelProcess(Program.fork('channel-process.mjs'));
    await process.begin(place);
    void process.#listen();
    return process;
  }

  /** Has it do something; see `channel-process.mjs`. Rejects with the code of what it threw. */
  async call<T = void>(action: string, ...args: readonly unknown[]): Promise<T> {
    const id = this.#calls++;
    const answer = new Promise<[unknown, string | undefined]>((resolve) => {
      this.#answers.set(id, resolve);
    });
    this.tell({ id, action, args });
    const [value, code] = await answer;
    if (code !== undefined) throw new Error(code);
    return value as T;
  }

  async #listen(): Promise<void> {
    for (;;) {
      const { id, value, code } = (await this.next()) as {
        id: number;
        value: unknown;
        code: string | undefined;
      };
      this.#answers.get(id)?.([value, code]);
      this.#answers.delete(id);
    }
  }
}
