import { isPageferryError, PageferryError } from '../errors.js';
import { retryWithBackoff } from '../waiting/backoff.js';

/** What connecting answers while there is nobody yet, by the name of the errno: all of it may change. */
const NOBODY_YET: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ECONNREFUSED: 'nobody listens there, a process that has ended has left the file behind',
  EAGAIN: 'somebody listens there, and lets too many others wait already',
  ECONNRESET: 'somebody listens there and hangs up',
  EPIPE: 'somebody listens there and hangs up',
};

/** A receiver's search for its sender. */
export class Search {
  #state = '';

  /** Why there is no welcome yet; '' if nothing is known. */
  get state(): string {
    return this.#state;
  }

  /** Somebody has let this receiver connect, and not answered. */
  connected(pid?: number): void {
    const who = pid === undefined ? '' : ` (pid ${pid})`;
    this.#state = `somebody listens there${who} and has said nothing`;
  }

  /**
   * Connecting or talking has failed.
   *
   * @param code the name of the errno.
   * @returns true if there may be a sender later.
   */
  failed(code: string): boolean {
    const state = NOBODY_YET[code];
    if (state !== undefined) this.#state = state;
    return state !== undefined;
  }
}

/**
 * Repeats `attempt` until it comes to a welcome: it waits for the endpoint to appear, and for the sender to
 * answer, for as long as `signal` lets it.
 *
 * @param attempt returns `undefined` if there is no sender yet, and tells the search why.
 * @throws what `attempt` throws, and `signal.reason` when the signal fires: for a time limit that has passed
 *   with what is known of why there is no welcome.
 */
export async function seekSender<T>(
  signal: AbortSignal | undefined,
  attempt: (search: Search) => Promise<T | undefined>,
): Promise<T> {
  const search = new Search();
  try {
    return await retryWithBackoff(() => attempt(search), signal);
  } catch (error) {
    const { state } = search;
    const isOver = error === signal?.reason && isPageferryError(error, 'TIMEOUT');
    if (!isOver || state === '') throw error;
    throw new PageferryError('TIMEOUT', `${error.message}: ${state}`);
  }
}
