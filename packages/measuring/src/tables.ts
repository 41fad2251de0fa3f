import Table from 'cli-table3';

/** SGR, ECMA-48. */
const BOLD = '\x1b[1m';
const NORMAL = '\x1b[22m';
const GRAY = '\x1b[90m';
const DEFAULT_COLOR = '\x1b[39m';

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
    head: head.map((name) => (colors ? `${BOLD}${name}${NORMAL}` : name)),
    colAligns: head.map((_, column) => (column < figuresFrom ? 'left' : 'right')),
    // cli-table3 decides by the environment (CI, FORCE_COLOR, TERM) whether it does what it is told here.
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  const text = table.toString();
  return colors ? text.replace(/[─-╿]+/g, (lines) => `${GRAY}${lines}${DEFAULT_COLOR}`) : text;
}
