import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** The built command. */
export const COMMAND = fileURLToPath(new URL('../../dist/command/main.js', import.meta.url));

/** What is left of a command. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface Circumstances {
  /** What it reads; nothing by default. */
  readonly input?: string | Uint8Array;
  /** Whether more may follow what it reads, for as long as it runs. Only of {@link Running}. */
  readonly keepsInput?: boolean;
  /** Where the folder of names is. */
  readonly runtimeFolder?: string;
}

/** A command that runs. */
export class Running {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #status: Promise<number | null>;
  readonly #stderr: Promise<string>;

  constructor(
    args: readonly string[],
    { input = '', keepsInput = false, runtimeFolder }: Circumstances = {},
  ) {
    const { NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
    const env = { ...inherited, ...(runtimeFolder && { XDG_RUNTIME_DIR: runtimeFolder }) };
    this.#child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'pipe', env });
    this.#status = once(this.#child, 'close').then(([status, signal]) => status ?? signal);
    this.#stderr = text(this.#child.stderr as Readable);
    const lines: Interface = createInterface({ input: this.#child.stdout as Readable });
    this.#lines = lines[Symbol.asyncIterator]();
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdin?.write(input);
    if (!keepsInput) this.#child.stdin?.end();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The next line of its output; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** Has it end. */
  kill(signal: NodeJS.Signals = 'SIGINT'): void {
    this.#child.kill(signal);
  }

  /** Nobody reads its output any more. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  /** Its exit status, and what it has said on standard error. */
  async ended(): Promise<Omit<Ended, 'stdout'>> {
    const [status, stderr] = await Promise.all([this.#status, this.#stderr]);
    return { status, stderr };
  }
}

/** Runs a command to its end. */
export async function run(
  args: readonly string[],
  { input = '', runtimeFolder }: Circumstances = {},
): Promise<Ended> {
  const { NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
  const env = { ...inherited, ...(runtimeFolder && { XDG_RUNTIME_DIR: runtimeFolder }) };
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: 'pipe', env });
  const closed = once(child, 'close');
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await closed;
  return { status, stdout, stderr };
}
