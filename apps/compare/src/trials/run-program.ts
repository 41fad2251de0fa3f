import { runProgram } from '@pageferry/measuring/programs';
import type { Quantiles } from '@pageferry/measuring/statistics';
import type { TrialReport, Usage } from './task.js';

/** What `memory_limit` and `destination_limit` print. */
interface Printed extends Usage {
  readonly messages: number;
  readonly nanoseconds: number;
  readonly roundTrip?: Quantiles;
}

/** Runs one of these programs once. Its processes are gone when this settles. */
export async function runTimedProgram(
  name: 'memory_limit' | 'destination_limit',
  words: readonly (string | number)[],
  signal: AbortSignal,
): Promise<TrialReport> {
  const output = await runProgram(name, words, signal);
  const { messages, nanoseconds, roundTrip, ...usage } = JSON.parse(output) as Printed;
  return { messages, nanoseconds, usage, roundTrip, knobs: { messages } };
}
