import { clock } from './clock.js';

/**
 * Looks after a wait that has gone on for a second, and each second from then on: whether it is in vain.
 * Keeps nothing alive.
 *
 * @param look must not throw.
 * @returns the function that ends it.
 */
export function eachSecond(look: () => void): () => void {
  const timer = clock.setInterval(look, 1000);
  timer.unref();
  return () => clock.clearInterval(timer);
}
