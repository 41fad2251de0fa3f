import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll } from 'vitest';

const running = new Set<ChildProcess>();

// A test that has timed out never comes to its disposals.
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program in a process of its own, killed on disposal if it still runs. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #messages: unknown[] = [];
  readonly #exit: Promise<number | NodeJS.Signals>;
  #exited = false;
  #wake: () => void = () => undefined;

  /**
   * @param descriptors become descriptors 4, 5, … of the child.
   * @param standardError where what it complains of goes.
   */
  constructor(
    program: URL,
    words: readonly string[] = [],
    descriptors: number[] = [],
    standardError: 'inherit' | 'ignore' = 'inherit',
  ) {
    this.#process = fork(program, words, {
      execArgv: [],
      stdio: ['ignore', 'inherit', standardError, 'ipc', ...descriptors],
    });
    this.#process.on('message', (message) => {
      this.#messages.push(message);
      this.#wake();
    });
    running.add(this.#process);
    this.#exit = once(this.#process, 'exit').then(([code, signal]) => {
      running.delete(this.#process);
      this.#exited = true;
      this.#wake();
      return code ?? signal;
    });
  }

  /** The next message; fails if the program ends without one. */
  async message(): Promise<unknown> {
    while (this.#messages.length === 0) {
      if (this.#exited) throw new Error(`the child ended with ${await this.#exit}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#messages.shift();
  }

  /** Sends it a message, over its IPC channel. */
  send(message: string): void {
    this.#process.send(message);
  }

  /** Sends it a signal, and waits for its end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#process.kill(signal);
    await this.#exit;
  }

  /** Exit code, or the signal that ended it. */
  get exit(): Promise<number | NodeJS.Signals> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#exited) this.#process.kill('SIGKILL');
    await this.#exit;
  }
}
