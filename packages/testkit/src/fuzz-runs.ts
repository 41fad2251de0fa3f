/**
 * How many cases a property is tried with: `usual` in the tests, and as many as `PAGEFERRY_FUZZ_RUNS` says in
 * `pnpm test:fuzz`.
 */
export function fuzzRuns(usual: number): number {
  const asked = Number(process.env['PAGEFERRY_FUZZ_RUNS']);
  return Number.isSafeInteger(asked) && asked > 0 ? asked : usual;
}
