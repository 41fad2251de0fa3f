import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeChildOptions } from '@pageferry/linux';

/** How a child process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** What a child process is started with. */
export interface PeerOptions {
  /** Module that exports `loadLinuxCalls`. */
  readonly moduleUrl: string;
  /** Which of the program's scenarios to run. */
  readonly scenario: string;
  /** A descriptor that the child shall have as {@link PEER_DESCRIPTOR}. */
  readonly descriptor?: number;
  /** Options for Node, for example `--expose-gc`. */
  readonly nodeOptions?: readonly string[];
}

/** Number of the descriptor that a child process inherits. */
export const PEER_DESCRIPTOR = 3;

/** A child process that runs one of the programs in `peers/`. Killed on disposal if it still runs. */
export class Peer implements AsyncDisposable {
  static readonly #running = new Set<Peer>();

  readonly #child: ChildProcess;
  readonly #messages: unknown[] = [];
  #stderr = '';
  #waiting: (() => void) | undefined;
  /** Settles when the process has ended. */
  readonly exit: Promise<Exit>;

  private constructor(program: string, options: PeerOptions) {
    const file = fileURLToPath(new URL(`../peers/${program}.js`, import.meta.url));
    this.#child = fork(file, [options.moduleUrl, options.scenario], {
      execArgv: [...(options.nodeOptions ?? [])],
      env: nodeChildOptions().env,
      stdio: ['ignore', 'inherit', 'pipe', options.descriptor ?? 'ignore', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#child.on('message', (message) => {
      this.#messages.push(message);
      this.#waiting?.();
    });
    Peer.#running.add(this);
    this.exit = once(this.#child, 'close').then(([code, signal]) => {
      Peer.#running.delete(this);
      this.#waiting?.();
      return { code, signal, stderr: this.#stderr };
    });
  }

  /** Starts `peers/<program>.js`. */
  static start(program: string, options: PeerOptions): Peer {
    return new Peer(program, options);
  }

  /** How many of them have not ended yet. */
  static running(): number {
    return Peer.#running.size;
  }

  /** Ends those that still run: a test that has timed out never comes to its disposals. */
  static killAll(): void {
    for (const peer of Peer.#running) peer.signal('SIGKILL');
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The next message from the child; fails if it ends without one. */
  async message(): Promise<unknown> {
    while (this.#messages.length === 0) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        const { code, signal, stderr } = await this.exit;
        if (this.#messages.length > 0) break;
        throw new Error(`the peer ended (${code ?? signal}) without a word: ${stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.#messages.shift();
  }

  /** Sends the child a message. */
  send(message: string): void {
    this.#child.send(message);
  }

  /** Sends the child a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.signal('SIGKILL');
    await this.exit;
  }
}
