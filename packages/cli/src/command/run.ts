import { constants } from 'node:os';
import { clock, isPageferryError } from '@pageferry/core';
import { OutputError, RecordingError } from '../recording/errors.js';
import { printable } from '../text/format.js';
import { COMMANDS } from './commands.js';
import { helpOf, overview } from './help.js';
import { parseArguments, UsageError } from './parse.js';
import { type CommandContext, type CommandSpec, STATUS } from './spec.js';

/** How long the output may take after a signal for what is written to it, in milliseconds. A pipe that nobody reads takes for ever. */
const GRACE = 500;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a command line without `pageferry`, and sets the exit status of this process. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  // `pnpm run pageferry -- list` is `pnpm run pageferry list`, as with npm.
  const [name, ...rest] = args[0] === '--' ? args.slice(1) : args;
  const spec = COMMANDS.find((each) => each.name === name);
  if (spec?.name === 'doctor') {
    // It reads its options itself.
    process.argv.splice(2, process.argv.length, ...rest);
    await import('@pageferry/doctor/command');
    return;
  }
  const output = new Output();
  process.exitCode = await output.statusOf(
    spec === undefined ? withoutCommand(name, rest, output) : withCommand(spec, rest, output),
  );
}

async function withoutCommand(
  name: string | undefined,
  [about]: readonly string[],
  output: Output,
): Promise<number> {
  const isAsked = name === undefined || ['help', '--help', '-h'].includes(name);
  const asked = COMMANDS.find((each) => each.name === about);
  if (isAsked) {
    await output.write(asked === undefined ? overview(COMMANDS) : `${helpOf(asked)}\n`);
    return STATUS.done;
  }
  output.say(`there is no command ${JSON.stringify(name)}: pageferry --help shows what there is`);
  return STATUS.usage;
}

async function withCommand(
  spec: CommandSpec,
  args: readonly string[],
  output: Output,
): Promise<number> {
  try {
    const parsed = parseArguments(spec, args);
    if (parsed.has('help')) {
      await output.write(`${helpOf(spec)}\n`);
      return STATUS.done;
    }
    const { run } = await spec.load();
    return await run(parsed, output);
  } catch (error) {
    if (output.signal.aborted) return STATUS.failed; // It says itself why.
    if (error instanceof UsageError) {
      output.say(`${error.message}\npageferry ${spec.name} --help tells more`);
      return STATUS.usage;
    }
    if (error instanceof OutputError) {
      output.say(error.message);
      return STATUS.output;
    }
    const isTold = error instanceof RecordingError || isPageferryError(error) || isOfSystem(error);
    if (!isTold) throw error;
    output.say(error.message);
    return STATUS.failed;
  }
}

/** An error of a file: missing, full, not this user's. */
function isOfSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** Standard output, and what ends a command: signals, and a reader that has left. */
class Output implements CommandContext {
  readonly #ending = new AbortController();
  #signal: (typeof SIGNALS)[number] | undefined;
  #failure: NodeJS.ErrnoException | undefined;
  /** End the waits for what the output has not written yet. */
  readonly #unwritten = new Set<() => void>();
  /** True when nothing that is written is waited for any more. */
  #isGraceOver = false;

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??= error;
      this.#ending.abort();
    });
    // Nobody reads that then, and it is no reason to stop.
    process.stderr.on('error', () => undefined);
    for (const signal of SIGNALS) process.on(signal, () => this.#onSignal(signal));
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  readonly write = async (text: string | Uint8Array): Promise<void> => {
    if (this.#failure !== undefined || text.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#unwritten.add(resolve);
      process.stdout.write(text, () => {
        this.#unwritten.delete(resolve);
        resolve();
      });
      if (this.#isGraceOver) resolve();
    });
  };

  readonly say = (words: string): void => {
    const lines = words.split('\n').map((line) => printable(line));
    process.stderr.write(`pageferry: ${lines.join('\n')}\n`);
  };

  /** The exit status of a command, once it has ended. */
  async statusOf(command: Promise<number>): Promise<number> {
    const status = await command;
    for (const signal of SIGNALS) process.removeAllListeners(signal);
    if (this.#failure !== undefined) {
      const { code, message } = this.#failure;
      if (code === 'EPIPE') return 128 + constants.signals.SIGPIPE;
      this.say(`the output cannot be written: ${message}`);
      return STATUS.output;
    }
    // What ends in order when it is asked to has its own status.
    const isOver = this.#signal === undefined || status === STATUS.done;
    const final = isOver ? status : 128 + constants.signals[this.#signal as 'SIGINT'];
    // Otherwise Node waits for what is still to be written.
    if (this.#signal !== undefined && this.#unwritten.size > 0) process.exit(final);
    return final;
  }

  #endGrace(): void {
    this.#isGraceOver = true;
    for (const giveUp of this.#unwritten) giveUp();
  }

  #onSignal(signal: (typeof SIGNALS)[number]): void {
    // Whoever asks a second time does not want to wait for an orderly end.
    if (this.#signal !== undefined) process.exit(128 + constants.signals[signal]);
    this.#signal = signal;
    clock.setTimeout(() => this.#endGrace(), GRACE).unref();
    this.#ending.abort();
  }
}
