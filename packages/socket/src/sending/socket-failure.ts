import { isPageferryError, nodeCallFailed, type PageferryError } from '@pageferry/core';

/** What a socket says whose other end is gone. */
const HUNG_UP: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

/** True if this is what a socket says whose other end is gone. */
export function isHungUp(error: NodeJS.ErrnoException): boolean {
  return HUNG_UP.has(error.code);
}

/** The failure of this process behind an error of a socket; `undefined` if the other end is gone. */
export function failureOfSocket(error: Error): PageferryError | undefined {
  if (isPageferryError(error)) return error;
  return isHungUp(error) ? undefined : nodeCallFailed(error);
}
