import { quantilesIfAll } from '@pageferry/measuring/limits';
import { buildProgram, runProgram } from '@pageferry/measuring/programs';
import type { Quantiles } from '@pageferry/measuring/statistics';
import type { TrialReport, Usage } from './task.js';

/** What `memory_limit` and `destination_limit` print. */
interface Printed extends Usage, Partial<Quantiles> {
  readonly messages: number;
  readonly nanoseconds: number;
}

/** Runs one of these programs once. Its processes are gone when this settles. */
export async function runTimedProgram(
  name: 'memory_limit' | 'destination_limit',
  words: readonly (string | number)[],
  signal: AbortSignal,
): Promise<TrialReport> {
  const output = await runProgram((await buildProgram(name)) as string, words, signal);
  const { messages, nanoseconds, p50, p99, p999, ...usage } = JSON.parse(output) as Printed;
  const roundTrip = quantilesIfAll({ p50, p99, p999 });
  return { messages, nanoseconds, usage, roundTrip, knobs: { messages } };
}
