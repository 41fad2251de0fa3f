import { named, publish } from '../diagnostics/publish.js';

/**
 * Connections that were ended by a failure of this process, not of the peer. There may be no call that it
 * could be thrown from, so that `Sender.stats` and a process warning tell of it.
 */
export class ConnectionFailures {
  #count = 0;
  #last: unknown;
  /** Where the connections were; for diagnostics. */
  endpoint: string | undefined;

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** What failed last. */
  get last(): unknown {
    return this.#last;
  }

  /** Counts a connection that `error` has ended, and says so in a process warning. */
  add(error: unknown): void {
    this.#count++;
    this.#last = error;
    publish('pageferry:cut-off', () => ({ ...named(this.endpoint), reason: error }));
    process.emitWarning(
      `the connection to a receiver was ended, because ${messageOf(error)}`,
      'PageferryWarning',
      'PAGEFERRY_CONNECTION_FAILED',
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
