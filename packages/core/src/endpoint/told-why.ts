import { isPageferryError, PageferryError } from '../errors.js';

/**
 * The error of a wait whose time limit passed, with what is known of why nothing came; any other error as
 * it is.
 *
 * @param signal the one under which the wait was.
 * @param why goes to the end of the message; '' if nothing is known.
 */
export function toldWhy(error: unknown, signal: AbortSignal | undefined, why: string): unknown {
  const isOver = error === signal?.reason && isPageferryError(error, 'TIMEOUT');
  return isOver && why !== '' ? new PageferryError('TIMEOUT', `${error.message}: ${why}`) : error;
}
