import { checkInteger, invalidArgument, isAbortSignal } from '../checks.js';
import type { WaitOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';
import { clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** The error of a wait that an AbortSignal ended. */
export function abortedError(reason: unknown): PageferryError {
  return new PageferryError('ABORTED', 'the operation was aborted', { cause: reason });
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
 * @param known as with {@link checkWaitOptions}.
 * @throws `INVALID_ARGUMENT` for unusable options, `ABORTED` for a signal that has fired.
 */
export function checkMayWait<T extends WaitOptions>(
  options: T,
  known?: readonly (keyof T & string)[],
): void {
  const { signal } = checkWaitOptions(options, known);
  if (signal?.aborted) throw abortedError(signal.reason);
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
 * Runs a wait under the caller's AbortSignal and time limit.
 *
 * @param options may have others than these two: their names are the caller's to check.
 * @param run gets one signal for both, or `undefined` where neither was given. The reason of that
 *   signal is the typed error to throw: `ABORTED` or `TIMEOUT`.
 * @throws `INVALID_ARGUMENT` for unusable options, `ABORTED` at once for a signal that has fired.
 */
export async function withDeadline<T>(
  options: WaitOptions,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { signal, timeout } = checkLimits(checkOptions(options));
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
