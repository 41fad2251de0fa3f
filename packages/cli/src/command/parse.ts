import { parseArgs } from 'node:util';
import type { CommandSpec, OptionSpec } from './spec.js';

/** A command line that makes no sense. */
export class UsageError extends Error {}

/** The arguments of a command, checked against its specification. */
export class ParsedArguments {
  readonly #values: Readonly<Record<string, string | boolean | undefined>>;
  /** Its arguments that are no options. */
  readonly positionals: readonly string[];

  constructor(
    values: Readonly<Record<string, string | boolean | undefined>>,
    positionals: readonly string[],
  ) {
    this.#values = values;
    this.positionals = positionals;
  }

  /** Whether an option is there. */
  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** The text of an option. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** @throws `UsageError` unless it is there. */
  needed(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(`--${name} is missing`);
    return value;
  }

  /** An integer. @throws `UsageError` for anything else. */
  integer(name: string, otherwise: number, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.number(name, otherwise, least, most);
    if (Number.isInteger(value)) return value;
    throw new UsageError(`--${name} must be a whole number, not ${this.text(name)}`);
  }

  /** A number. @throws `UsageError` for anything else. */
  number(name: string, otherwise: number, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const text = this.text(name);
    if (text === undefined) return otherwise;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new UsageError(`--${name} must be a number, ${range}, not ${JSON.stringify(text)}`);
  }
}

/**
 * Reads the arguments of a command.
 *
 * @param args without the name of the command.
 * @throws `UsageError`.
 */
export function parseArguments(spec: CommandSpec, args: readonly string[]): ParsedArguments {
  const options = Object.fromEntries(
    Object.entries<OptionSpec>({ ...spec.options, help: HELP }).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short && { short }) } as const,
    ]),
  );
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const values = parsed.values as Record<string, string | boolean | undefined>;
  const { positionals } = parsed;
  if (values['help'] === true) return new ParsedArguments(values, positionals);
  for (const [name, { choices }] of Object.entries(spec.options)) {
    const value = values[name];
    if (choices === undefined || value === undefined) continue;
    for (const each of String(value).split(',')) {
      if (choices.includes(each)) continue;
      throw new UsageError(`--${name} may be ${choices.join(', ')}, not ${JSON.stringify(each)}`);
    }
  }
  const [least, most] = spec.count;
  if (positionals.length < least) throw new UsageError(`something is missing: ${spec.usage}`);
  const tooMuch = positionals[most];
  if (tooMuch !== undefined) throw new UsageError(`${JSON.stringify(tooMuch)} is too much`);
  return new ParsedArguments(values, positionals);
}

/** Every command has it. */
export const HELP: OptionSpec = { short: 'h', help: 'show this help' };
