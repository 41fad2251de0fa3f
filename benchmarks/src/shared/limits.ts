import { buildProgram, runProgram } from '../limit.js';
import type { Trial } from './workload.js';

/** The C program with a mode and its words, or `undefined` where there is no C compiler. */
export type SharedLimit = (...words: readonly (string | number)[]) => Promise<Trial>;

/** Builds `limit/shm_limit.c`. */
export async function buildSharedLimit(): Promise<SharedLimit | undefined> {
  const program = await buildProgram('shm_limit');
  if (program === undefined) return undefined;
  return async (...words) => {
    const [nanoseconds = Number.NaN, senderNanoseconds = Number.NaN] = await runProgram(
      program,
      words.map(String),
    );
    return { nanoseconds, senderNanoseconds };
  };
}
