/** How long it takes, in steps that each wait for the one before: some twenty nanoseconds. */
const STEPS = 16;

let state = 1;

/**
 * Passes a moment, between two looks at what another processor may change. Each look takes the cache line from
 * who is about to write it, and a loop that only looks keeps the half of the processor busy that the other side
 * may be running on (simultaneous multithreading). This is a chain of multiplications, which leaves most of it
 * idle. C has the `pause` instruction for that; `Atomics.pause` is too young to rely on.
 */
export function pause(): void {
  let next = state;
  for (let step = 0; step < STEPS; step++) next = (Math.imul(next, 1103515245) + step) | 0;
  state = next;
}
