import { eachSecond, LoopBudget, LoopHolder, nextTurn, PageferryError } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { PagePool } from '../memory/page-pool.js';
import type { PipeEndSettings } from './options.js';
import { ReadinessWaits } from './readiness-waits.js';

/** What memory is held by this program itself, in words, and the code of the warning that says so. */
export interface SelfHeld {
  readonly words: string;
  readonly code: string;
}

/** What a writer and a reader of a pipe have in common: memory, waiting, and an end of their own. */
export abstract class PipeEnd extends LoopHolder {
  protected readonly calls: LinuxCalls;
  /** Watches how long this end holds the event loop. */
  protected readonly budget: LoopBudget;
  protected readonly pool: PagePool;
  /** Owns the descriptor, and waits for it. */
  protected readonly readiness: ReadinessWaits;
  #over: PageferryError | undefined;
  #warned = false;

  /** @param name what tools show. */
  protected constructor(calls: LinuxCalls, name: string, settings: PipeEndSettings) {
    super(name, (on) => readiness.keepAlive(on));
    this.calls = calls;
    this.budget = new LoopBudget(settings.spinMicroseconds);
    this.pool = new PagePool(calls, settings.poolBytes);
    const readiness = new ReadinessWaits({
      ...settings,
      calls,
      events: () => this.awaitedEvents(),
      budget: this.budget,
    });
    this.readiness = readiness;
  }

  /** The events of poll(2) that can end a wait; 0 while only this program can. */
  protected abstract awaitedEvents(): number;

  /** True once this end uses the pipe no more. */
  protected get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Has all that waits, and every later call, throw `error`. The first one counts. */
  protected markOver(error: PageferryError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.doneWaiting();
    this.readiness.waits.fail(error);
  }

  /** @throws `CLOSED`, or why else this end is over. */
  protected checkNotOver(): void {
    const over = this.#over;
    // A new one: it shows the frames of this call.
    if (over !== undefined) throw new PageferryError(over.code, over.message, over);
  }

  /** Gives other events their turn when it is due. */
  protected async takeTurns(): Promise<void> {
    if (this.budget.exhausted()) await nextTurn();
  }

  /**
   * Waits for memory.
   *
   * @param selfHeld what this program holds, if nobody else can give any back. Such a wait may be in vain:
   *   a process warning says so after a second, once.
   */
  protected async untilMemory(
    ready: () => boolean,
    signal: AbortSignal | undefined,
    selfHeld: () => SelfHeld | undefined,
  ): Promise<void> {
    const forget = eachSecond(() => this.#warn(selfHeld()));
    try {
      await this.readiness.waits.until(ready, signal);
    } finally {
      forget();
    }
  }

  #warn(held: SelfHeld | undefined): void {
    if (held === undefined || this.#warned || this.isOver) return;
    this.#warned = true;
    process.emitWarning(held.words, 'PageferryWarning', held.code);
  }
}
