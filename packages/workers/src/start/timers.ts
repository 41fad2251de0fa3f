import { clock } from '@pageferry/core';

/** Time, as far as it is waited for: tests hand over one that they turn themselves. */
export interface Timers {
  /** Milliseconds since some moment in the past. */
  now(): number;
  /** Keeps no process alive. @returns what {@link clearTimeout} takes. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Takes back what {@link setTimeout} was told. Harmless once that has been called. */
  clearTimeout(timer: unknown): void;
}

/** The clock of Node. */
export const realTime: Timers = {
  now: clock.now,
  setTimeout: (callback, milliseconds) => clock.setTimeout(callback, milliseconds).unref(),
  clearTimeout: (timer) => clock.clearTimeout(timer as NodeJS.Timeout),
};
