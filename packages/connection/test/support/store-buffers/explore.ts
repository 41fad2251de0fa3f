import type { Machine, MachineState } from './machine.js';

/** More than any model here has: a program that counts without an end has no last state. */
const MOST_STATES = 500_000;

/**
 * Every state in which nothing can happen any more, out of all that the processes can come to, whichever of
 * them goes first at each step, and whenever stores leave their buffers.
 *
 * @throws if there are too many states to look at.
 */
export function finalStates(machine: Machine): readonly MachineState[] {
  const finals: MachineState[] = [];
  const seen = new Set<string>();
  const waiting = [machine.start];
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    const key = JSON.stringify(state);
    if (seen.has(key)) continue;
    if (seen.add(key).size > MOST_STATES) throw new Error('the model has too many states');
    const next = machine.successors(state);
    if (next.length === 0) finals.push(state);
    waiting.push(...next);
  }
  return finals;
}
