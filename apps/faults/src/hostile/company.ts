import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { pause } from '../until.js';
import type { Deeds, HonestSaid, HonestTask, LiarSaid, Traffic } from './task.js';

/** How long a process may say nothing before it counts as one that stands still, in milliseconds. */
const PATIENCE = 60_000;

/** A process of the stage, and what it says. */
class Process<Said> {
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  #heardAt = performance.now();

  constructor(module: string, given: HonestTask, onSaid: (said: Said) => void) {
    this.#process = fork(new URL(module, import.meta.url), { execArgv: [] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('message', (said: Said) => {
      this.#heardAt = performance.now();
      onSaid(said);
    });
    this.#process.send(given);
  }

  tell(message: string): void {
    this.#process.send(message);
  }

  /**
   * Waits for what it has to say last.
   *
   * @throws if it ends without, or says nothing for far too long.
   */
  async last<T>(lastWord: () => T | undefined): Promise<T> {
    const since = performance.now();
    for (;;) {
      const word = lastWord();
      if (word !== undefined) return word;
      const { exitCode, signalCode } = this.#process;
      if (exitCode !== null || signalCode !== null) {
        await pause(10); // What it has said before may still be on its way.
        const late = lastWord();
        if (late !== undefined) return late;
        throw new Error(`ended with ${signalCode ?? exitCode}`);
      }
      if (performance.now() - Math.max(since, this.#heardAt) > PATIENCE)
        throw new Error('stands still');
      await pause(5);
    }
  }

  async end(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

/** The honest process. */
export class Honest {
  readonly #process: Process<HonestSaid>;
  readonly faults: string[] = [];
  #isReady = false;
  #traffic: Traffic | undefined;

  constructor(given: HonestTask) {
    this.#process = new Process('honest.js', given, (said) => {
      if ('ready' in said) this.#isReady = true;
      else if ('fault' in said) this.faults.push(said.fault);
      else this.#traffic = said.traffic;
    });
  }

  /** Waits until it has opened its endpoint. */
  async ready(): Promise<void> {
    await this.#process.last(() => this.#isReady || undefined);
  }

  /** Has it send and ask nothing more. */
  stop(): void {
    this.#process.tell('stop');
  }

  /** What it has seen, once it has closed. */
  async traffic(): Promise<Traffic> {
    return this.#process.last(() => this.#traffic);
  }

  async end(): Promise<void> {
    await this.#process.end();
  }
}

/** The hostile process. */
export class Liar {
  readonly #process: Process<LiarSaid>;
  #deeds: Deeds | undefined;

  /** @param onPhase called whenever it begins to be hostile, or to be quiet. */
  constructor(given: HonestTask, onPhase: (phase: 'hostile' | 'quiet', life: number) => void) {
    this.#process = new Process('liar.js', given, (said) => {
      if ('deeds' in said) this.#deeds = said.deeds;
      else onPhase(said.phase, said.life);
    });
  }

  /** What it has done, once it has done all it should. */
  async deeds(): Promise<Deeds> {
    return this.#process.last(() => this.#deeds);
  }

  async end(): Promise<void> {
    await this.#process.end();
  }
}
