import type { Stage } from './stage.js';

/** Counts timers and immediates that get their turn while `work` runs. */
export async function turnsDuring(
  stage: Stage,
  work: () => Promise<void>,
): Promise<{ readonly immediates: number; readonly timers: number }> {
  let immediates = 0;
  let timers = 0;
  let running = true;
  const onImmediate = (): void => {
    immediates++;
    if (running) setImmediate(onImmediate);
  };
  const onTimer = (): void => {
    timers++;
    if (running) setTimeout(onTimer);
  };
  setImmediate(onImmediate);
  setTimeout(onTimer);
  stage.defer(() => {
    running = false;
  });
  await work();
  running = false;
  return { immediates, timers };
}
