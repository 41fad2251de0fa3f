import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { pause, until } from '../until.js';
import type { Plan } from './plan.js';

/** What a victim says: that it is loaded, that it has come to its point, or what it has seen go wrong. */
export type Said = { readonly said: 'loaded' | 'at' } | { readonly fault: string };

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

  constructor() {
    this.#process = fork(new URL('victim.js', import.meta.url), { execArgv: [] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('message', (message: Said) => {
      if ('said' in message) this.#said.add(message.said);
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
  async begin(task: Task): Promise<void> {
    if (!(await this.#heard('loaded'))) throw new Error('the victim does not load');
    this.#process.send(task);
  }

  /** Kills it some time after it has come to its point, as the plan has it. Resolves when it is gone. */
  async kill({ point, delay, stop }: Plan): Promise<void> {
    if (point !== 'handshake' && !(await this.#heard('at'))) {
      this.#faults.push('does not come to its point');
    }
    await pause(delay);
    if (stop !== 'never') {
      this.#process.kill('SIGSTOP');
      await until(() => this.#isStopped());
      await pause(5); // Long enough for the others to notice, if they took it for a death.
      if (stop === 'killed-after') {
        this.#process.kill('SIGCONT');
        await pause(1);
      }
    }
    await this.end();
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
    const { exitCode, signalCode } = this.#process;
    await until(() => this.#said.has(word) || exitCode !== null || signalCode !== null);
    return this.#said.has(word);
  }

  /** proc_pid_stat(5): the state is what follows the name, which is in parentheses. */
  #isStopped(): boolean {
    try {
      return /\) T/.test(readFileSync(`/proc/${this.pid}/stat`, 'latin1'));
    } catch {
      return true; // It has ended; `end` says so.
    }
  }
}

/** Victims, of which the next one loads while a round is under way. */
export class Victims {
  #next = new VictimProcess();

  take(): VictimProcess {
    const victim = this.#next;
    this.#next = new VictimProcess();
    return victim;
  }

  /** Ends the one that nobody has taken. */
  async close(): Promise<void> {
    await this.#next.end();
  }
}
