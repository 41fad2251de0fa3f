import { pauseFor } from './pause-for.js';

/**
 * Repeats `attempt` until it returns something, with growing pauses in between (1 ms doubling to
 * `longestPause`). For what nobody announces, such as a socket file that is about to appear.
 *
 * @param attempt returns `undefined` to be called again.
 * @param longestPause in milliseconds.
 * @throws what `attempt` throws, and `signal.reason` when the signal fires.
 */
export async function retryWithBackoff<T>(
  attempt: () => Promise<T | undefined>,
  signal: AbortSignal | undefined,
  longestPause = 50,
): Promise<T> {
  for (let pause = 1; ; pause = Math.min(pause * 2, longestPause)) {
    if (signal?.aborted) throw signal.reason;
    const result = await attempt();
    if (result !== undefined) return result;
    await pauseFor(pause, signal);
  }
}
