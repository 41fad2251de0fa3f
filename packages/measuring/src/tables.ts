import Table from 'cli-table3';

/** How a table looks. */
export interface TableLook {
  /** From this column on there are figures, which are aligned on the right. None by default. */
  readonly figuresFrom?: number;
  /** Whether the head is bold and the lines are gray. */
  readonly colors?: boolean;
}

/** A table for a terminal. A cell may span columns: see cli-table3. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Table.Cell[])[],
  { figuresFrom = head.length, colors = false }: TableLook = {},
): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column < figuresFrom ? 'left' : 'right')),
    style: { head: colors ? ['bold'] : [], border: colors ? ['gray'] : [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}
