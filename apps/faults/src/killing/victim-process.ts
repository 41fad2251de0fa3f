import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { BackendName } from '../backends.js';
import { pause, until } from '../until.js';
import type { Plan } from './plan.js';

/** What a victim says: that it is loaded, that it has come to its point, what it has seen go wrong, or what has come of it. */
export type Said =
  | { readonly said: 'loaded' | 'at' }
  | { readonly fault: string }
  | { readonly report: unknown };

/** What a victim is told: to play this. */
export interface Task {
  readonly plan: Plan;
  readonly endpoint: string;
}

/** A process that plays one side of a round until it is killed. */
export class VictimProcess {
  readonly #process: ChildProcess;
  readonly #said = new Set<string>();
  readonly #faults: string[] = [];
  readonly #exited: Promise<unknown>;
  #killedAt: number | undefined;
  #report: unknown;

  /**
   * @param backend what it loads.
   * @param program what it runs: says {@link Said}, and takes what {@link begin} is given.
   */
  constructor(backend: BackendName, program = new URL('victim.js', import.meta.url)) {
    this.#process = fork(program, [backend], { execArgv: [] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('message', (message: Said) => {
      if ('said' in message) this.#said.add(message.said);
      else if ('report' in message) this.#report = message.report;
      else this.#faults.push(message.fault);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** When it was killed, by `performance.now()`; `undefined` as long as it was not. */
  get killedAt(): number | undefined {
    return this.#killedAt;
  }

  /** What it has seen go wrong. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** Has it begin, once it has loaded everything. */
  async begin(task: object): Promise<void> {
    if (!(await this.#heard('loaded'))) throw new Error('the victim does not load');
    this.#process.send(task);
  }

  /** Kills it some time after it has come to its point, as the plan has it. Resolves when it is gone. */
  async kill({ point, delay, stop, stopped }: Plan): Promise<void> {
    if (point !== 'handshake' && !(await this.#heard('at'))) {
      this.#faults.push('does not come to its point');
    }
    await pause(delay);
    if (stop !== 'never') {
      this.#process.kill('SIGSTOP');
      await until(() => isStopped(this.pid));
      await pause(stopped);
      if (stop === 'killed-after') {
        this.#process.kill('SIGCONT');
        await pause(stopped);
      }
    }
    await this.end();
  }

  /**
   * Waits until it has ended by itself, and kills it if it does not.
   *
   * @returns its report.
   */
  async left(): Promise<unknown> {
    let isGone = false;
    void this.#exited.then(() => {
      isGone = true;
    });
    // What it does may be many waits, one after the other.
    for (let waits = 0; waits < 4 && !isGone; waits++) await until(() => isGone);
    if (!isGone) {
      this.#faults.push('does not end');
      this.#process.kill('SIGKILL');
      await this.#exited;
    } else if (this.#process.exitCode !== 0) {
      this.#faults.push(`has ended with ${this.#process.exitCode ?? this.#process.signalCode}`);
    }
    return this.#report;
  }

  /** Kills it now. */
  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null) this.#faults.push(`has exited with ${exitCode}`);
    else if (signalCode !== null) this.#faults.push(`was ended by ${signalCode}`);
    this.#killedAt = performance.now();
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  async #heard(word: string): Promise<boolean> {
    const child = this.#process;
    const isOver = () => child.exitCode !== null || child.signalCode !== null;
    await until(() => this.#said.has(word) || isOver());
    return this.#said.has(word);
  }
}

/** Whether a process is stopped, or has ended. proc_pid_stat(5): the state is what follows the name, which is in parentheses. */
export function isStopped(pid: number): boolean {
  try {
    return /\) T/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}

/** Victims, of which the next one loads while a round is under way. */
export class Victims {
  readonly #backend: BackendName;
  #next: VictimProcess;

  constructor(backend: BackendName) {
    this.#backend = backend;
    this.#next = new VictimProcess(backend);
  }

  take(): VictimProcess {
    const victim = this.#next;
    this.#next = new VictimProcess(this.#backend);
    return victim;
  }

  /** Ends the one that nobody has taken. */
  async close(): Promise<void> {
    await this.#next.end();
  }
}
