import { HELP } from '../command/parse.js';
import type { CommandSpec, OptionSpec } from '../command/spec.js';

/** Every option of a command, with the one that all have. */
export function optionsOf({ options }: CommandSpec): readonly [string, OptionSpec][] {
  return Object.entries({ ...options, help: HELP });
}

/** Text between single quotes of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
