import { clock } from './clock.js';
import { onAbort } from './on-abort.js';

/**
 * Waits so many milliseconds.
 *
 * @throws `signal.reason` when the signal fires.
 */
export function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const forget = onAbort(signal, () => {
      clock.clearTimeout(timer);
      reject(signal?.reason);
    });
    const timer = clock.setTimeout(() => {
      forget();
      resolve();
    }, milliseconds);
  });
}
