import { clock, onAbort } from '@pageferry/core';

/** Waits so many milliseconds. @throws `signal.reason` when the signal fires. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const forget = onAbort(signal, () => {
      clock.clearTimeout(timer);
      reject(signal.reason);
    });
    const timer = clock.setTimeout(() => {
      forget();
      resolve();
    }, milliseconds);
  });
}
