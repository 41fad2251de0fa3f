import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What the programs of these rounds say. */
export interface Saying {
  /** How many messages it has received, which were right. */
  readonly received?: number;
  /** The number of its first message. */
  readonly first?: number;
  /** It is connected. */
  readonly connected?: true;
  /** It has seen the orderly end. */
  readonly ended?: true;
  /** What has gone wrong. */
  readonly fault?: string;
}

/** A process of a round, which may be killed. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #faults: string[] = [];
  #said: Saying = {};

  /**
   * @param program `bridge` or `receiver`.
   * @param words its arguments.
   */
  constructor(program: 'bridge' | 'receiver', words: readonly string[]) {
    const file = new URL(`${program}.js`, import.meta.url);
    this.#process = fork(file, words, { execArgv: [] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('message', (saying: Saying) => {
      if (saying.fault !== undefined) this.#faults.push(`${program}: ${saying.fault}`);
      this.#said = { ...this.#said, ...saying };
    });
  }

  /** All that it has said, the last of each. */
  get said(): Saying {
    return this.#said;
  }

  /** What it has seen go wrong since the last time, and that it has ended by itself, if that is so. */
  takeFaults(): readonly string[] {
    return this.#faults.splice(0);
  }

  /** True once it is gone. */
  get isGone(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Kills it. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.isGone) this.#faults.push(`it has exited with ${this.#process.exitCode}`);
    else this.#process.kill('SIGKILL');
    if (!this.isGone) await this.#exited;
  }
}
