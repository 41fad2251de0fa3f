import { PageferryError } from '../errors.js';

/** Remembers where a call was made. */
export class Caller {
  declare readonly stack?: unknown;

  /** @param below leaves this function out, and what it has called. */
  constructor(below: (...args: never[]) => unknown) {
    Error.captureStackTrace(this, below);
  }
}

/**
 * An error out of a wait, as its caller sees it: with the frames of the call. It was made in a callback of
 * the event loop, where there are none; and it may have ended other waits too, so that this one gets an
 * error of its own.
 *
 * @param caller where the call was made; otherwise who awaits `below` is found, if anybody does.
 */
export function toldToCaller(
  error: unknown,
  caller: Caller | undefined,
  below: (...args: never[]) => unknown,
): unknown {
  if (!(error instanceof PageferryError)) return error;
  const told = new PageferryError(error.code, error.message, error);
  const { stack } = caller ?? new Caller(below);
  const frames = typeof stack === 'string' ? stack.indexOf('\n    at ') : -1;
  const own = frames < 0 ? '' : (stack as string).slice(frames);
  // As Node has it: no property that shows when the error is printed.
  Object.defineProperty(told, 'stack', {
    value: `${told.name}: ${told.message}${own}`,
    writable: true,
    configurable: true,
  });
  return told;
}
