import { wrapped } from '../text/wrap.js';
import { HELP } from './parse.js';
import type { CommandSpec } from './spec.js';

/** Columns of a help text. */
const WIDTH = 80;

/** Where the words on an option begin. */
const INDENT = 26;

/** The help of all commands together. */
export function overview(specs: readonly CommandSpec[]): string {
  const lines = specs.map(({ name, summary }) => wrapped(`  ${name}`, summary, 15, WIDTH));
  return `Usage: pageferry <command> [options]

Commands:
${lines.join('\n')}

  pageferry <command> --help tells more, with examples.

A NAME is the endpoint of a sender or a listener: a name, or a path.

Exit status: 0 if all went well, 1 if not, 2 for a command line that makes no
sense, 3 if the output cannot be written; 128 and its number for a signal.
`;
}

/** The help of one command. */
export function helpOf(spec: CommandSpec): string {
  const { name, usage, summary, options, notes = [], examples } = spec;
  const rows = Object.entries({ ...options, help: HELP }).map(([option, each]) => {
    const { short, value, help, choices } = each;
    const letter = short === undefined ? '    ' : `-${short}, `;
    const words = choices === undefined ? help : `${help}: ${choices.join(', ')}`;
    return wrapped(`  ${letter}--${option}${value ? ` ${value}` : ''}`, words, INDENT, WIDTH);
  });
  const shown = examples.map(
    ([line, what]) => `  pageferry ${line}\n${wrapped('', what, 6, WIDTH)}`,
  );
  return [
    `Usage: pageferry ${name}${usage === '' ? '' : ` ${usage}`} [options]`,
    wrapped('', `${summary}.`, 0, WIDTH),
    `Options:\n${rows.join('\n')}`,
    ...notes.map((note) => wrapped('', note, 0, WIDTH)),
    `Examples:\n${shown.join('\n')}`,
  ].join('\n\n');
}
