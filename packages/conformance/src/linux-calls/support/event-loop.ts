/**
 * Lets the event loop go around `count` times. Whatever was ready before has been seen after the
 * first.
 */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/**
 * Lets the event loop go around until `condition` holds. The test's own time limit ends it if that
 * never happens.
 */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}
