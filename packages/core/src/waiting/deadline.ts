import { checkInteger, invalidArgument, isAbortSignal } from '../checks.js';
import type { WaitOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';
import { clock } from './clock.js';
import { isReasonError, noteReasonIsError, onAbort } from './on-abort.js';
import { Caller, toldToCaller } from './told-to-caller.js';

/** The error of a wait that an AbortSignal ended. `why` says what had not come until then. */
export function abortedError(reason: unknown, why?: string): PageferryError {
  const message = `the operation was aborted${why === undefined ? '' : `: ${why}`}`;
  return new PageferryError('ABORTED', message, { cause: reason });
}

/** The error of a wait whose time limit passed. `why` says what has not come, and what is known of it. */
export function timeoutError(milliseconds: number, why: string): PageferryError {
  return new PageferryError('TIMEOUT', `timed out after ${milliseconds} ms: ${why}`);
}

/** The options of a call that waits and has no others. */
const WAIT_OPTIONS = ['signal', 'timeout'] as const;

/**
 * Passes the options of a call that waits.
 *
 * @param known the names of all options that the call has.
 * @throws `INVALID_ARGUMENT` for anything that cannot be used.
 */
export function checkWaitOptions<T extends WaitOptions>(
  options: T | undefined,
  known: readonly (keyof T & string)[] = WAIT_OPTIONS,
): T {
  return checkLimits(checkOptions(options, known));
}

/**
 * Checks the options of a call that may wait, before it does anything.
 *
 * @throws `INVALID_ARGUMENT` for unusable options, `ABORTED` for a signal that has fired.
 */
export function checkMayWait(options: WaitOptions): void {
  const { signal } = checkWaitOptions(options);
  if (signal?.aborted) throw whyAborted(signal);
}

function whyAborted(signal: AbortSignal, why?: string): unknown {
  return isReasonError(signal) ? signal.reason : abortedError(signal.reason, why);
}

function checkLimits<T extends WaitOptions>(options: T): T {
  const { signal, timeout } = options;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
  if (timeout !== undefined) checkInteger('timeout', timeout, 0, 0x7fffffff);
  return options;
}

/**
 * Runs a wait under the caller's AbortSignal and time limit. What it throws carries the caller's stack.
 *
 * @param options may have others than these two: their names are the caller's to check.
 * @param run gets one signal for both, or `undefined` where neither was given. The reason of that
 *   signal is the typed error to throw: `ABORTED` or `TIMEOUT`.
 * @param why says what was waited for and why it has not come, for the message of that error. Called
 *   when the wait is given up, and only then.
 * @throws `INVALID_ARGUMENT` for unusable options, `ABORTED` at once for a signal that has fired.
 */
export function withDeadline<T>(
  options: WaitOptions,
  run: (signal: AbortSignal | undefined) => Promise<T>,
  why: () => string,
): Promise<T> {
  try {
    const { signal, timeout } = checkLimits(checkOptions(options));
    // Not as an async function: that takes more memory than all the rest of a call that waits.
    return signal === undefined && timeout === undefined
      ? run(undefined).catch(tellCaller)
      : limited(run, signal, timeout, why);
  } catch (error) {
    return Promise.reject(error);
  }
}

function tellCaller(error: unknown): never {
  throw toldToCaller(error, undefined, tellCaller);
}

async function limited<T>(
  run: (signal: AbortSignal | undefined) => Promise<T>,
  signal: AbortSignal | undefined,
  timeout: number | undefined,
  why: () => string,
): Promise<T> {
  if (signal?.aborted) throw whyAborted(signal);
  const caller = new Caller(withDeadline);
  const controller = new AbortController();
  noteReasonIsError(controller.signal);
  const forget = onAbort(signal, () => {
    controller.abort(signal && whyAborted(signal, inWords(why)));
  });
  const timer =
    timeout === undefined
      ? undefined
      : clock.setTimeout(() => controller.abort(timeoutError(timeout, inWords(why))), timeout);
  try {
    return await run(controller.signal);
  } catch (error) {
    throw toldToCaller(error, caller, withDeadline);
  } finally {
    clock.clearTimeout(timer);
    forget();
  }
}

/** What is to be said must not keep from being said that the time is over. */
function inWords(why: () => string): string {
  try {
    return why();
  } catch {
    return 'nothing happened';
  }
}
