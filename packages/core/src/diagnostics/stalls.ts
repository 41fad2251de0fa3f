import type { DiagnosticsEvents } from '../contract/diagnostics.js';
import { clock } from '../waiting/clock.js';
import { eachSecond } from '../waiting/each-second.js';
import { isWatched, named, publish } from './publish.js';

type Stall = DiagnosticsEvents['pageferry:stall'];

/**
 * Tells each second that a call waits, if somebody wants to know by now.
 *
 * @param waitsFor what it waits for; `undefined` while that is no stall.
 * @returns the function that ends it, if there is anything to end.
 */
export function tellOfStalls(
  call: Stall['call'],
  endpoint: string | undefined,
  waitsFor: () => string | undefined,
): (() => void) | undefined {
  if (!isWatched('pageferry:stall')) return undefined;
  const started = clock.now();
  return eachSecond(() => {
    const words = waitsFor();
    if (words === undefined) return;
    publish('pageferry:stall', () => ({
      ...named(endpoint),
      call,
      milliseconds: Math.round(clock.now() - started),
      waitsFor: words,
    }));
  });
}
