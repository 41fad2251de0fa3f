/** How calls wait. @packageDocumentation */
export { retryWithBackoff } from './backoff.js';
export { clock } from './clock.js';
export { abortedError, checkWaitOptions, timeoutError, withDeadline } from './deadline.js';
export { eachSecond } from './each-second.js';
export { LazyAbort } from './lazy-abort.js';
export {
  afterMicrotasks,
  isTurnAwaited,
  LoopBudget,
  lastInNextTurn,
  nextTurn,
} from './loop-budget.js';
export { onAbort, withEither } from './on-abort.js';
export { pauseFor } from './pause-for.js';
export { SerialQueue } from './serial-queue.js';
export { settledOrGivenUp } from './settled-or-given-up.js';
export * from './spin-policy.js';
export { toldToCaller } from './told-to-caller.js';
export { WaitList } from './wait-list.js';
export type { Waits } from './waits.js';
