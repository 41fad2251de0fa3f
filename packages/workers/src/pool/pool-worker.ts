import {
  isPageferryError,
  PageferryError,
  thrownInWords,
  timeoutError,
  toldToCaller,
} from '@pageferry/core';
import type { ComposedMessage, Message } from '@pageferry/messages';
import type { Ending } from '../start/life.js';
import { HeldMessage } from './held-message.js';
import type { PoolSettings } from './options.js';
import { LOAD, type Loading, numberIn, RUN, type Run, type ToWorker } from './protocol.js';
import { type StartedWorker, startWorker } from './start-worker.js';

/** What becomes of a worker, in this order; from each it may be `'gone'`. */
export type WorkerState = 'starting' | 'ready' | 'retiring' | 'ending' | 'gone';

/** A worker as `stats` and the events of a pool have it. A snapshot. */
export interface WorkerInfo {
  /** Of its process, or of its thread; `undefined` as long as it has not connected. */
  readonly id: number | undefined;
  /** How far it has come from its start to its end. */
  readonly state: WorkerState;
  /** How many of its slots are taken: by tasks, also by aborted ones that go on, and by composed ones. */
  readonly running: number;
  /** How many tasks it has been given that are over. */
  readonly completed: number;
}

/** The error of a task whose worker has ended before it has answered. A task may throw one that looks the same. */
export class WorkerDied {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** The error that a worker has answered a task with. Any other was made here, and says nothing of the worker. */
export class WorkerAnswered {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** One worker of a pool, from its start to its end. */
export class PoolWorker {
  readonly #settings: PoolSettings;
  readonly #stop = new AbortController();
  #started: StartedWorker | undefined;
  #state: WorkerState = 'starting';
  #taken = 0;
  #held = 0;
  #completed = 0;
  /** Calls of the port that have not settled. */
  #asking = 0;
  #isTooLarge = false;
  #wasTold = false;
  #death: PageferryError | undefined;
  /** Why it is ended though nobody has told it to: its channel is gone. */
  #hungUp: PageferryError | undefined;
  #wasKilled = false;
  /** Tasks that run here; of those that were aborted, the timer after which that ends the worker. */
  readonly #running = new Map<number, unknown>();
  /** Called when it has become {@link isWornOut} or {@link isUnused} beside what the pool does with it. */
  onChange: () => void = () => undefined;
  /** When a task was begun here last: a count of all tasks of the pool. */
  lastTurn = 0;
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  #setGone: () => void = () => undefined;
  /** Resolves when it has started, or will never. */
  readonly #startIsOver: Promise<void>;
  #setStarted: () => void = () => undefined;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.gone = new Promise((resolve) => {
      this.#setGone = resolve;
    });
    this.#startIsOver = new Promise((resolve) => {
      this.#setStarted = resolve;
    });
  }

  get info(): WorkerInfo {
    return {
      id: this.#started?.id,
      state: this.#state,
      running: this.#taken,
      completed: this.#completed,
    };
  }

  /** Whether it was started with just these: every pool has settings of its own. */
  isOf(settings: PoolSettings): boolean {
    return this.#settings === settings;
  }

  /** Whether the pool has ended it. */
  get wasTold(): boolean {
    return this.#wasTold;
  }

  /** How it has ended, of one that is gone. */
  get death(): PageferryError {
    return this.#death ?? new PageferryError('PEER_DIED', 'the worker is gone');
  }

  get state(): WorkerState {
    return this.#state;
  }

  get taken(): number {
    return this.#taken;
  }

  get hasRoom(): boolean {
    const { concurrentTasksPerWorker, maxTasksPerWorker } = this.#settings;
    return (
      this.#state === 'ready' &&
      this.#taken < concurrentTasksPerWorker &&
      this.#completed + this.#taken < maxTasksPerWorker
    );
  }

  /** Nothing of it is in use by anybody. */
  get isUnused(): boolean {
    return this.#taken === 0 && this.#held === 0;
  }

  /** It has done as much as it may, or has grown too large. */
  get isWornOut(): boolean {
    return this.#isTooLarge || this.#completed >= this.#settings.maxTasksPerWorker;
  }

  /**
   * Starts it, and has it load the module. If this rejects, it is gone.
   *
   * @throws `REQUEST_FAILED` if the module does not load, with why as its `cause`; `TIMEOUT`; and as `fork`.
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } finally {
      this.#setStarted();
    }
  }

  async #start(): Promise<void> {
    const { timers } = this.#settings;
    const begin = timers.now();
    try {
      this.#started = await startWorker(this.#settings, this.#stop.signal);
    } catch (error) {
      this.#end();
      throw error;
    }
    const { life, port } = this.#started;
    void life.ended.then((ending) => {
      this.#death = (this.#wasEnded(ending) ? this.#hungUp : undefined) ?? life.died(ending);
      this.#end();
    });
    port.on('close', (reason) => void this.#outlive(this.#started as StartedWorker, reason));
    port.on('message', (message) => {
      const memory = numberIn(message, 'memory') ?? 0;
      this.#isTooLarge ||= memory > this.#settings.maxMemoryPerWorker;
      this.onChange();
    });
    try {
      await this.#load(this.#settings.readyTimeout - (timers.now() - begin));
      // It may have been told to end meanwhile.
      if (this.#state === 'starting') this.#state = 'ready';
    } catch (error) {
      this.kill();
      await this.gone;
      throw error;
    }
  }

  /** Has a slot taken, until {@link giveBack}. */
  take(turn: number): void {
    this.#taken++;
    this.lastTurn = turn;
  }

  /** @param isDone whether a task was run in it. */
  giveBack(isDone: boolean): void {
    this.#taken--;
    if (isDone) this.#completed++;
  }

  /** No task is to come any more. */
  retire(): void {
    if (this.#state === 'ready') this.#state = 'retiring';
  }

  /**
   * Lays a task out in the memory of this worker's channel.
   *
   * @throws as `Port.compose`.
   */
  compose<T>(
    run: Run & { readonly task: T },
    signal: AbortSignal | undefined,
  ): Promise<ComposedMessage<Run & { readonly task: T }>> {
    return this.#ask((port) => port.compose(run, signal && { signal }));
  }

  /**
   * Has a task run.
   *
   * @throws {@link WorkerAnswered} with what the task throws, in its own words; {@link WorkerDied}; and as `Port.request`.
   */
  async run(id: number, run: Run | ComposedMessage<Run>, inPlace: boolean): Promise<unknown> {
    this.#running.set(id, undefined);
    try {
      if (!inPlace) return await this.#ask((port) => port.call(RUN, run));
      return await this.#ask(async (port) => this.#hold(await port.request(RUN, run)));
    } catch (error) {
      throw await this.#told(error);
    } finally {
      this.#forget(id);
    }
  }

  /** Tells a task that it is not wanted any more. If it goes on, the worker is ended. One that has just ended cannot. */
  abort(id: number): void {
    if (!this.#running.has(id)) return;
    // If it does not arrive, nothing runs there any more.
    const told = this.#port.send({ abort: id } satisfies ToWorker).catch(() => undefined);
    if (this.#hasBegun(id)) this.#endSoon(id);
    // It waits for memory. That it is not wanted comes right behind it.
    else void told.then(() => this.#endSoon(id));
  }

  /** Whether a task has been sent: all that have not wait for memory, in their order. */
  #hasBegun(id: number): boolean {
    const { requestsOpen } = this.#port.channel.stats();
    return [...this.#running.keys()].indexOf(id) < requestsOpen;
  }

  /** Ends the worker, unless the task ends before. */
  #endSoon(id: number): void {
    if (!this.#running.has(id) || this.#state === 'gone') return;
    const { timers, abortGrace } = this.#settings;
    this.#running.set(
      id,
      timers.setTimeout(() => this.kill(), abortGrace),
    );
  }

  /** Ends it at once. Of a thread that loads modules Node leaves files open then. */
  kill(): void {
    if (this.#state === 'gone') return;
    // That of one that has hung up is a death all the same.
    this.#wasTold ||= this.#hungUp === undefined;
    this.#state = 'ending';
    this.#wasKilled = true;
    if (this.#started === undefined) this.#stop.abort();
    else this.#started.kill();
  }

  /** Ends it in order, and at once if it does not. Resolves when it is gone. */
  async finish(): Promise<void> {
    const { timers, endTimeout, threads } = this.#settings;
    if (this.#state === 'starting' && !threads) this.kill();
    else if (this.#state !== 'gone' && this.#state !== 'ending') {
      this.#wasTold = true;
      // Of a thread that is terminated while it loads, Node leaves the files open that it was reading. A start has its
      // own time limit.
      await Promise.race([this.#startIsOver, this.gone]);
      const timer = timers.setTimeout(() => this.kill(), endTimeout);
      if (this.state !== 'gone') this.#state = 'ending';
      this.#started?.port.close().catch(() => undefined);
      await this.gone;
      timers.clearTimeout(timer);
    }
    await this.gone;
  }

  /**
   * Its channel is gone, so that it can answer nothing: it is ended if it lives on.
   *
   * @param reason of the port: an error has been explained already by how it has ended, where it has.
   */
  async #outlive({ life }: StartedWorker, reason: unknown): Promise<void> {
    if (this.#state === 'ending' || this.#state === 'gone') return;
    this.#state = 'ending';
    this.#hungUp = new PageferryError('PEER_DIED', `${life.who} has hung up, and was ended`, {
      cause: reason,
    });
    // One that has closed its channel in order may be about to exit, and its exit code says more.
    if (reason === undefined) await life.explain(this.#hungUp);
    this.kill();
  }

  /** Whether it has ended by {@link kill}, and not by itself just before that. */
  #wasEnded({ signalCode, exitCode, error }: Ending): boolean {
    const isOfKill = this.#settings.threads ? exitCode === 1 : signalCode === 'SIGKILL';
    return this.#wasKilled && isOfKill && error === undefined;
  }

  get #port(): StartedWorker['port'] {
    if (this.#started === undefined)
      throw new PageferryError('CLOSED', 'the worker has not started');
    return this.#started.port;
  }

  async #load(limit: number): Promise<void> {
    const { timers, module, maxMemoryPerWorker, readyTimeout } = this.#settings;
    let isLate = false;
    const timer = timers.setTimeout(
      () => {
        isLate = true;
        this.kill();
      },
      Math.max(0, limit),
    );
    const isLimited = maxMemoryPerWorker !== Number.POSITIVE_INFINITY;
    const loading: Loading = { module, memoryLimit: isLimited ? maxMemoryPerWorker : 0 };
    try {
      await this.#ask((port) => port.call(LOAD, loading));
    } catch (error) {
      if (isLate) throw timeoutError(readyTimeout, `a worker has not loaded ${module}`);
      if (isPageferryError(error, 'REQUEST_UNANSWERED')) throw await this.#whyHungUp();
      if (!isPageferryError(error, 'REQUEST_FAILED')) throw this.#whyDied(error);
      const { cause } = error;
      const why = `a worker could not load ${module}: ${thrownInWords(cause)}`;
      throw new PageferryError('REQUEST_FAILED', why, { cause });
    } finally {
      timers.clearTimeout(timer);
    }
  }

  /** The channel of a worker that is gone stays until every call has been told so. */
  async #ask<T>(call: (port: StartedWorker['port']) => Promise<T>): Promise<T> {
    this.#asking++;
    try {
      return await call(this.#port);
    } finally {
      this.#asking--;
      this.#closeIfUnused();
    }
  }

  #hold(message: Message): Message {
    this.#held++;
    return new HeldMessage(message, () => {
      this.#held--;
      this.#closeIfUnused();
      this.onChange();
    });
  }

  /** The task's own error, how the worker has ended, or why it was never asked. */
  async #told(error: unknown): Promise<unknown> {
    if (isPageferryError(error, 'REQUEST_FAILED')) return new WorkerAnswered(error.cause ?? error);
    if (isPageferryError(error, 'PEER_DIED')) return new WorkerDied(this.#whyDied(error));
    if (!isPageferryError(error, 'REQUEST_UNANSWERED')) return error;
    return new WorkerDied(await this.#whyHungUp());
  }

  /** It has hung up in order, in the middle of something. */
  async #whyHungUp(): Promise<unknown> {
    const { life } = this.#started as StartedWorker;
    const error = new PageferryError('PEER_DIED', `${life.who} has hung up`);
    return this.#whyDied(await life.explain(error));
  }

  /** Of one that the pool has ended because it had hung up, that it had: the pool's signal explains nothing. */
  #whyDied(error: unknown): unknown {
    if (this.#hungUp === undefined || !isPageferryError(error, 'PEER_DIED')) return error;
    // Each call has an error of its own.
    return toldToCaller(this.#death ?? error, undefined, this.#whyDied);
  }

  #forget(id: number): void {
    const timer = this.#running.get(id);
    if (timer !== undefined) this.#settings.timers.clearTimeout(timer);
    this.#running.delete(id);
  }

  #end(): void {
    this.#state = 'gone';
    for (const id of [...this.#running.keys()]) this.#forget(id);
    this.#closeIfUnused();
    this.#setGone();
  }

  /** What the caller still reads stays; the rest of the channel is of no use. */
  #closeIfUnused(): void {
    if (this.#state === 'gone' && this.#held === 0 && this.#asking === 0)
      void this.#started?.port.destroy();
  }
}
