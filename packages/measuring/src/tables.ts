import { stripVTControlCharacters } from 'node:util';
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
  /** Whether it has no lines but the one below its head, which leaves more room for what is in it. */
  readonly narrow?: boolean;
}

/** One line, and columns that are two blanks apart. */
const NARROW = {
  chars: {
    ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
    ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
    ...{ left: '', 'left-mid': '', right: '', 'right-mid': '' },
    ...{ mid: '─', 'mid-mid': '─', middle: ' ' },
  },
  padding: { 'padding-left': 0, 'padding-right': 1 },
};

/** A table for a terminal. A cell may span columns: see cli-table3. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly Table.Cell[])[],
  { figuresFrom = head.length, colors = false, narrow = false }: TableLook = {},
): string {
  const table = new Table({
    head: head.map((name) => (colors ? `${BOLD}${name}${NORMAL}` : name)),
    colAligns: head.map((_, column) => (column < figuresFrom ? 'left' : 'right')),
    // cli-table3 decides by the environment (CI, FORCE_COLOR, TERM) whether it does what it is told here.
    style: { head: [], border: [], compact: true, ...(narrow && NARROW.padding) },
    ...(narrow && { chars: NARROW.chars }),
  });
  table.push(...rows.map((row) => [...row]));
  const text = narrow ? underlined(table.toString()) : table.toString();
  return colors ? text.replace(/[─-╿]+/g, (lines) => `${GRAY}${lines}${DEFAULT_COLOR}`) : text;
}

/** Without blanks at the ends, and with a line as long as the table is wide: cells that span columns shorten it. */
function underlined(text: string): string {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const width = Math.max(...lines.map((line) => stripVTControlCharacters(line).length));
  return lines.map((line) => (/^─+$/.test(line) ? '─'.repeat(width) : line)).join('\n');
}
