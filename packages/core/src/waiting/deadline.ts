import { checkInteger, checkOptions, invalidArgument, isAbortSignal } from '../checks.js';
import type { WaitOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** The error of a wait that an AbortSignal ended. */
export function abortedError(reason: unknown): PageferryError {
  return new PageferryError('ABORTED', 'the operation was aborted', { cause: reason });
}

/**
 * Passes the options of a call that waits.
 *
 * @throws `INVALID_ARGUMENT` for anything that cannot be used.
 */
export function checkWaitOptions<T extends WaitOptions>(options: T | undefined): T {
  const given = checkOptions(options);
  const { signal, timeout } = given;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
  if (timeout !== undefined) checkInteger('timeout', timeout, 0, 0x7fffffff);
  return given;
}

/**
 * Checks the options of a call that may wait, before it does anything.
 *
 * @throws `INVALID_ARGUMENT` for unusable options, `ABORTED` for a signal that has fired.
 */
export function checkMayWait(options: WaitOptions): void {
  const { signal } = checkWaitOptions(options);
  if (signal?.aborted) throw abortedError(signal.reason);
}

/**
 * Runs a wait under the caller's AbortSignal and time limit.
 *
 * @param run gets one signal for both, or `undefined` where neither was given. The reason of that
 *   signal is the typed error to throw: `ABORTED` or `TIMEOUT`.
 * @throws `INVALID_ARGUMENT` for unusable options, `ABORTED` at once for a signal that has fired.
 */
export async function withDeadline<T>(
  options: WaitOptions,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { signal, timeout } = checkWaitOptions(options);
  if (signal === undefined && timeout === undefined) return run(undefined);
  if (signal?.aborted) throw abortedError(signal.reason);

  const controller = new AbortController();
  const forget = onAbort(signal, () => controller.abort(abortedError(signal?.reason)));
  const timer =
    timeout === undefined
      ? undefined
      : clock.setTimeout(() => {
          controller.abort(new PageferryError('TIMEOUT', `nothing happened for ${timeout} ms`));
        }, timeout);
  try {
    return await run(controller.signal);
  } finally {
    clock.clearTimeout(timer);
    forget();
  }
}
