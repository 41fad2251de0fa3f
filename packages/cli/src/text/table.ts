import { cut, printable } from './format.js';

/** A column of a {@link rowOf table}. */
export interface Column {
  readonly name: string;
  /** How wide it is. */
  readonly width: number;
  /** True for numbers, which stand at its right edge. */
  readonly isNumber?: boolean;
}

/** One line of a table without borders, not wider than its columns and the gaps between them. */
export function rowOf(columns: readonly Column[], cells: readonly string[]): string {
  return columns
    .map(({ width, isNumber }, index) => {
      const text = cut(printable(cells[index] ?? ''), width);
      return isNumber ? text.padStart(width) : text.padEnd(width);
    })
    .join(' ')
    .trimEnd();
}

/** Its first line. */
export function headOf(columns: readonly Column[]): string {
  return rowOf(
    columns,
    columns.map(({ name }) => name),
  );
}
