import type { ChildProcess } from 'node:child_process';
import {
  abortedError,
  asyncDispose,
  onAbort,
  PageferryError,
  type PipedProgram,
  type ProgramExit,
} from '@pageferry/core';
import type { ReadingEnd } from './reading-end.js';
import type { SpawnSettings } from './spawn-options.js';
import type { WritingEnd } from './writing-end.js';

/** The one {@link PipedProgram}: owns this process's ends of the pipes. */
export class RunningProgram implements PipedProgram {
  readonly child: ChildProcess;
  readonly stdin: WritingEnd | undefined;
  readonly stdout: ReadingEnd | undefined;
  readonly stderr: ReadingEnd | undefined;
  readonly exited: Promise<ProgramExit>;
  /** Rejects with what Node says if the program cannot be started. */
  readonly started: Promise<void>;
  readonly #settings: SpawnSettings;
  readonly #forgetSignal: () => void;
  #closing: Promise<void> | undefined;

  /** @param ends of stdin, stdout and stderr; `undefined` for what is no pipe. */
  constructor(
    child: ChildProcess,
    ends: readonly (WritingEnd | ReadingEnd | undefined)[],
    settings: SpawnSettings,
  ) {
    this.child = child;
    this.#settings = settings;
    this.stdin = ends[0] as WritingEnd | undefined;
    this.stdout = ends[1] as ReadingEnd | undefined;
    this.stderr = ends[2] as ReadingEnd | undefined;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    this.started = new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      // Stays: an `error` event that nobody listens to is an uncaught exception.
      child.on('error', reject);
    });
    const { signal } = settings;
    this.#forgetSignal = onAbort(signal, () => {
      this.#closing ??= this.#end(abortedError(signal?.reason), true);
    });
    this.started.catch(() => this.#forgetSignal());
  }

  close(): Promise<void> {
    const closed = new PageferryError('CLOSED', 'the pipes of this program are closed');
    this.#closing ??= this.#end(closed, this.#settings.killOnClose);
    return this.#closing;
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  ref(): this {
    this.child.ref();
    for (const end of this.#ends()) end?.ref();
    return this;
  }

  unref(): this {
    this.child.unref();
    for (const end of this.#ends()) end?.unref();
    return this;
  }

  async #end(error: PageferryError, kill: boolean): Promise<void> {
    this.#forgetSignal();
    // False for a program that has ended, and for one that this user may not end: nobody can wait for that.
    const told = kill && this.child.kill(this.#settings.killSignal);
    await Promise.all(this.#ends().map((end) => end?.end(error)));
    if (told) await this.exited;
  }

  #ends(): readonly (WritingEnd | ReadingEnd | undefined)[] {
    return [this.stdin, this.stdout, this.stderr];
  }
}
