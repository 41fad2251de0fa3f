import type { ChildProcess } from 'node:child_process';
import type { Worker } from 'node:worker_threads';
import { clock, isPageferryError, PageferryError, thrownInWords } from '@pageferry/core';

/** How a child has ended. */
export interface Ending {
  /** What it has exited with; `null` if it was a signal, or if it has never begun. */
  readonly exitCode: number | null;
  /** The signal that has ended it. */
  readonly signalCode: string | null;
  /** What was wrong: of a thread what it has not caught, of a process why it could not be started or was aborted. */
  readonly error?: unknown;
}

/**
 * For how long the end of a child whose channel has gone is waited for, in milliseconds. The kernel closes descriptors
 * before it tells the parent; a child that goes on without its channel never ends for that.
 */
const LONGEST_BETWEEN = 1000;

/** A child's life, and what it means for calls that wait for the child. */
export class Life {
  /** For messages: `the child (pid 17)`. */
  readonly who: string;
  /** Resolves when it is over. */
  readonly ended: Promise<Ending>;
  #ending: Ending | undefined;

  constructor(who: string, ended: Promise<Ending>) {
    this.who = who;
    this.ended = ended.then((ending) => {
      this.#ending = ending;
      return ending;
    });
  }

  /** How it has ended, if it has. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  static ofProcess(child: ChildProcess): Life {
    let error: unknown;
    const ended = new Promise<Ending>((resolve) => {
      child.on('error', (reason) => {
        error ??= reason;
        // One that never began does not exit.
        if (child.pid === undefined) resolve({ exitCode: null, signalCode: null, error });
      });
      child.once('exit', (exitCode, signalCode) => resolve({ exitCode, signalCode, error }));
    });
    return new Life(`the child process ${child.pid ?? 'that did not start'}`, ended);
  }

  static ofThread(worker: Worker): Life {
    let error: unknown;
    const ended = new Promise<Ending>((resolve) => {
      worker.on('error', (reason) => {
        error ??= reason;
      });
      worker.once('exit', (exitCode) => resolve({ exitCode, signalCode: null, error }));
    });
    return new Life(`the thread ${worker.threadId}`, ended);
  }

  /** `PEER_DIED`, with how it has ended. */
  died(ending: Ending): PageferryError {
    const { exitCode, signalCode, error } = ending;
    const why = error === undefined ? '' : `: ${thrownInWords(error)}`;
    return new PageferryError('PEER_DIED', `${this.who} ${inWords(ending)}${why}`, {
      ...(exitCode === null ? {} : { exitCode }),
      ...(signalCode === null ? {} : { signalCode }),
      cause: error,
    });
  }

  /** Adds to an error that the other side has died how that was. Any other error is passed through. */
  async explain(error: unknown): Promise<unknown> {
    if (!isPageferryError(error, 'PEER_DIED') || error.exitCode !== undefined) return error;
    const ending = this.#ending ?? (await this.#soonEnded());
    return ending === undefined ? error : this.died(ending);
  }

  /** As {@link explain}, where its end is known already. */
  explainNow(error: unknown): unknown {
    if (!isPageferryError(error, 'PEER_DIED') || this.#ending === undefined) return error;
    return this.died(this.#ending);
  }

  async #soonEnded(): Promise<Ending | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<undefined>((resolve) => {
      timer = clock.setTimeout(() => resolve(undefined), LONGEST_BETWEEN);
    });
    try {
      return await Promise.race([this.ended, over]);
    } finally {
      clock.clearTimeout(timer);
    }
  }
}

function inWords({ exitCode, signalCode }: Ending): string {
  if (signalCode !== null) return `was ended by ${signalCode}`;
  return exitCode === null ? 'could not be started' : `has exited with code ${exitCode}`;
}
