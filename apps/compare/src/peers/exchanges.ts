import type { AskingSide } from '../channels/channel.js';
import type { Payload } from './payload.js';

/**
 * Exchanges `count` messages for answers, as many at a time as there are lanes: each of them sends its next message
 * when it has its answer.
 *
 * @param times gets how long each exchange took, in nanoseconds. A look at the clock is part of each.
 */
export async function exchangeAll(
  side: AskingSide,
  count: number,
  lanes: number,
  payload: Payload,
  times?: Float64Array,
): Promise<void> {
  const stopwatch = times && stopwatchesFor(times);
  const all = Array.from({ length: Math.min(lanes, count) }, (_, index) => {
    const share = Math.ceil((count - index) / lanes);
    const { write, see, answered } = payload.lane();
    return side.exchange(share, write, see, stopwatch?.() ?? answered);
  });
  await Promise.all(all);
}

/** Each of the functions that this makes stores how long ago it was made, or called, and starts anew. */
function stopwatchesFor(times: Float64Array): () => () => void {
  let index = 0;
  return () => {
    let before = performance.now();
    return () => {
      const now = performance.now();
      times[index++] = (now - before) * 1e6;
      before = now;
    };
  };
}
