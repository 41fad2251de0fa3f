/** How often a property is tried, and what with: what fast-check takes. */
interface Cases {
  readonly numRuns: number;
  readonly seed?: number;
}

const { PAGEFERRY_CASES: count, PAGEFERRY_SEED: seed } = process.env;

/**
 * As many cases as PAGEFERRY_CASES says, of the seed PAGEFERRY_SEED, which a failure names; for a long run.
 *
 * @param few how many there are without them, of a seed that differs each time.
 */
export function cases(few: number): Cases {
  const numRuns = count === undefined ? few : Number(count);
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}

/** How long a test of a property may take: a long run has ten minutes for each. */
export const PROPERTY_LIMIT: { readonly timeout: number } = {
  timeout: count === undefined ? 60_000 : 600_000,
};
