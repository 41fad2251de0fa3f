import type { ParsedArguments } from './parse.js';

/** An option of a command. */
export interface OptionSpec {
  /** What stands for its value in the help, `FILE` for example; none for an option that is only there or not. */
  readonly value?: string;
  /** One letter. */
  readonly short?: string;
  /** What it does, in a line or two. */
  readonly help: string;
  /** The only values it may have. */
  readonly choices?: readonly string[];
}

/** What the shell can complete in place of an argument. */
export type Completes = 'endpoint' | 'file' | 'shell' | 'nothing';

/** A command: what it is called with, and what it does. Its help and its completion are made from this. */
export interface CommandSpec {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Its arguments, as the help shows them. */
  readonly usage: string;
  /** How many arguments it takes. */
  readonly count: readonly [least: number, most: number];
  /** What its arguments are, in their order; the last stands for all that follow. */
  readonly completes: readonly Completes[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** What else there is to say, in short paragraphs. */
  readonly notes?: readonly string[];
  /** Command lines without `pageferry`, and what they do. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Loads it. A command is loaded when it is asked for. */
  readonly load: () => Promise<{ readonly run: Run }>;
}

/** Does what a command does, and resolves to its exit status. */
export type Run = (parsed: ParsedArguments, context: CommandContext) => Promise<number>;

/** What a command has to do with the world. */
export interface CommandContext {
  /** Fires when the user, or the system, wants it to end: Ctrl-C, SIGTERM, or nobody reads its output any more. */
  readonly signal: AbortSignal;
  /** Writes to standard output, and waits while that is full. */
  readonly write: (text: string | Uint8Array) => Promise<void>;
  /** Says something to the user that is no output, on standard error. */
  readonly say: (words: string) => void;
}

/** Exit statuses. A signal that has ended a command adds its number to 128. */
export const STATUS = { done: 0, failed: 1, usage: 2, output: 3 } as const;
