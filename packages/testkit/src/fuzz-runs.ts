/** What fast-check takes: how often a property is tried, and what with. */
export interface FuzzRuns {
  readonly numRuns: number;
  readonly seed?: number;
}

/**
 * How many cases a property is tried with: `usual` in the tests, and as many as `PAGEFERRY_FUZZ_RUNS` says in
 * `pnpm test:fuzz`. Each run has cases of its own, unless `PAGEFERRY_SEED` has the seed that a failure has named.
 */
export function fuzzRuns(usual: number): FuzzRuns {
  const { PAGEFERRY_FUZZ_RUNS: asked, PAGEFERRY_SEED: seed } = process.env;
  const wanted = Number(asked);
  const numRuns = Number.isSafeInteger(wanted) && wanted > 0 ? wanted : usual;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
