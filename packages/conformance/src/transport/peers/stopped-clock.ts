import { syncBuiltinESMExports } from 'node:module';
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

/**
 * Has the clock of this process stand still and its timers wait for ever, as the fake timers of test
 * runners do: sinon and vitest replace the global functions, `node:test` those of `node:timers` too.
 * There is no way back.
 */
export function stopClock(): void {
  const never = (): never => ({ ref() {}, unref() {}, hasRef: () => true }) as never;
  const none = (): void => {};
  const fakes = {
    setTimeout: never,
    setInterval: never,
    setImmediate: never,
    clearTimeout: none,
    clearInterval: none,
    clearImmediate: none,
  };
  Object.assign(globalThis, fakes);
  Object.assign(timers, fakes);
  const pending = (): Promise<never> => new Promise(() => {});
  Object.assign(timersPromises, { setTimeout: pending, setImmediate: pending });
  syncBuiltinESMExports();
  const now = performance.now();
  performance.now = () => now;
  const today = Date.now();
  Date.now = () => today;
}
