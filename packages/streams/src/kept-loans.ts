import type { Loan } from '@pageferry/core';
import { isLoan } from './message-writer.js';

/** Loans that wait in a stream's buffer: the stream's, to be released if they are never sent. */
export class KeptLoans {
  readonly #loans = new Set<Loan>();
  #isStopped = false;

  /** Remembers a chunk that is given to the stream, if it is a loan. */
  keep(chunk: unknown): void {
    if (!isLoan(chunk)) return;
    if (this.#isStopped) chunk.release();
    else this.#loans.add(chunk);
  }

  /** It is being sent: whoever does that releases it. */
  forget(chunk: unknown): void {
    this.#loans.delete(chunk as Loan);
  }

  /** Gives back what was never sent, and what is given to the stream from then on. */
  stop(): void {
    this.#isStopped = true;
    for (const loan of this.#loans) loan.release();
    this.#loans.clear();
  }
}
