import type { Spread } from '@pageferry/measuring/statistics';
import { renderTable } from '@pageferry/measuring/tables';

/** Prints a table under a title. */
export function printTable(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  process.stdout.write(`\n${title}\n${renderTable(head, rows)}\n`);
}

/** Minimum, median and maximum, with so many digits behind the point. */
export function cellsOf({ min, median, max }: Spread, digits = 2): string[] {
  return [min, median, max].map((value) => value.toFixed(digits));
}

/** The same in words: `1.04 (0.91 to 1.29)`. */
export function inWords(spread: Spread, digits?: number): string {
  const [low, middle, high] = cellsOf(spread, digits);
  return `${middle} (${low} to ${high})`;
}
