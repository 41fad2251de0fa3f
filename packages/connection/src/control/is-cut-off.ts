import { CUT_OFF, SENDER } from './layout.js';
import { loadInOrder } from './load-in-order.js';

/** True once the sender, which lives, has given this side up. */
export function isCutOff(words: Int32Array): boolean {
  // Mostly a plain load: whoever polls asks each time, and `Atomics.load` is a call.
  if (loadInOrder(words, SENDER.cutOff) === 0) return false;
  const why = Atomics.load(words, SENDER.cutOff);
  return why === CUT_OFF.failed || why === CUT_OFF.accused;
}
