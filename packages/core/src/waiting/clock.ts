import { performance } from 'node:perf_hooks';
import process from 'node:process';
import * as timers from 'node:timers';

/**
 * The clock and the timers of Node, as they are when this module is loaded.
 *
 * Test runners put others in their place (`vi.useFakeTimers()`, `jest.useFakeTimers()`, sinon,
 * `mock.timers` of `node:test`): in the global object, in `node:timers`, or in both. Their clock stands
 * still until a test moves it, while the other process goes on. A wait that asked it would never end.
 */
export const clock = {
  /** Milliseconds since this process or thread began (performance.now). */
  now: performance.now.bind(performance) as () => number,
  /** What to add to `now()` for milliseconds since 1970, as files have them. */
  timeOrigin: performance.timeOrigin,
  setTimeout: timers.setTimeout,
  clearTimeout: timers.clearTimeout,
  setInterval: timers.setInterval,
  clearInterval: timers.clearInterval,
  setImmediate: timers.setImmediate,
  clearImmediate: timers.clearImmediate,
  nextTick: process.nextTick.bind(process) as typeof process.nextTick,
};
