import { clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** How long a write may go on after its call was given up, in milliseconds. */
const GRACE = 100;

/**
 * Waits for a write, also after `stop` has fired: the caller may close the descriptor next, and
 * wants to know what was written. But not for ever: a blocking descriptor that nobody reads holds its
 * write until somebody does.
 *
 * @throws what `writing` throws; `stop.reason` if it takes too long after `stop`. The write goes on
 *   then.
 */
export function settledOrGivenUp(writing: Promise<void>, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const onStop = (): void => {
      timer = clock.setTimeout(() => reject(stop.reason), GRACE);
    };
    if (stop.aborted) onStop();
    const forget = onAbort(stop, onStop);
    const settle = (): void => {
      clock.clearTimeout(timer);
      forget();
    };
    writing.finally(settle).then(resolve, reject);
  });
}
