import { EventEmitter } from 'node:events';
import { types } from 'node:util';
import {
  abortedError,
  asyncDispose,
  checkArrayOf,
  checkInteger,
  checkOptions,
  checkWaitOptions,
  invalidArgument,
  isPageferryError,
  PageferryError,
  thrownInWords,
  toldToCaller,
  WaitList,
  type WaitOptions,
  withDeadline,
} from '@pageferry/core';
import type { Message } from '@pageferry/messages';
import { BackOffCounter } from './back-off.js';
import { type ComposedTask, SlottedTask } from './composed-task.js';
import { Composition } from './composition.js';
import type { Job } from './job.js';
import { JobQueue } from './job-queue.js';
import { KeepAlive } from './keep-alive.js';
import { checkPoolOptions, type PoolOptions, type PoolSettings } from './options.js';
import type { ComposeOptions, Pool, PoolEvents, RunOptions } from './pool.js';
import { PoolWorker } from './pool-worker.js';
import type { Run } from './protocol.js';
import { Counters, type PoolStats } from './statistics.js';
import { Task, type TaskEvents } from './task.js';

const RUN_OPTIONS = ['signal', 'name', 'transfer', 'retries'] as const;

/** Workers, and the tasks that wait for them. */
export class WorkerPool implements Pool {
  readonly #settings: PoolSettings;
  readonly #workers = new Set<PoolWorker>();
  readonly #queue = new JobQueue();
  readonly #backOff: BackOffCounter;
  readonly #counters = new Counters();
  readonly #events = new EventEmitter();
  readonly #keepAlive = new KeepAlive();
  readonly #waiting = new WaitList();
  readonly #begun: number;
  /** Tasks whose callers have no answer yet. */
  readonly #open = new Set<Task>();
  readonly #taskEvents: TaskEvents;
  #lastId = 0;
  #turn = 0;
  /** Set while the next start is put off. */
  #pause: { readonly timer: unknown } | undefined;
  /** Why the last worker has not started; told to those who wait for that. */
  #startError: { readonly error: unknown } | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(module: string | URL, options?: PoolOptions) {
    this.#settings = checkPoolOptions(module, options);
    const { firstBackOff, longestBackOff, timers } = this.#settings;
    this.#backOff = new BackOffCounter(firstBackOff, longestBackOff);
    this.#begun = timers.now();
    this.#taskEvents = {
      now: () => timers.now(),
      onBegin: (_task, waited) => this.#counters.waited.add(waited),
      onRetry: (task) => this.#retry(task),
      onAnswered: () => this.#answered(),
      onSettled: (task, outcome, ran) => this.#settled(task, outcome, ran),
      onFree: (worker) => this.#freed(worker, true),
    };
    this.#fill();
  }

  get queueSize(): number {
    return this.#queue.size;
  }

  get closed(): boolean {
    return this.#state !== 'open';
  }

  async run<T = unknown>(task?: unknown, options?: RunOptions): Promise<T> {
    return (await this.#submit(task, false, options)) as T;
  }

  async request<T = unknown>(task?: unknown, options?: RunOptions): Promise<Message<T>> {
    return (await this.#submit(task, true, options)) as Message<T>;
  }

  async compose<T>(task: T, options: ComposeOptions = {}): Promise<ComposedTask<T>> {
    const { name = 'default', ...wait } = checkOptions(options, ['signal', 'timeout', 'name']);
    checkName(name);
    if (wait.signal === undefined && wait.timeout === undefined) {
      this.#admit();
      const worker = this.#freeWorker();
      if (worker !== undefined) return this.#composeAt(worker, { id: ++this.#lastId, name, task });
    }
    let composition: Composition<T> | undefined;
    return withDeadline(
      wait,
      async (signal) => {
        this.#admit();
        const run = { id: ++this.#lastId, name, task };
        composition = new Composition(run, signal, (worker) => this.#freed(worker, false));
        this.#keepAlive.add();
        this.#enqueue(composition);
        try {
          return await composition.composed;
        } catch (error) {
          throw this.#orClosed(error);
        } finally {
          this.#keepAlive.remove();
          this.#leaveQueue(composition);
        }
      },
      () => (composition?.hasWorker ? 'a worker had no memory for it' : 'no worker was free'),
    );
  }

  /** The usual case without a detour: a worker has a free slot, and whoever waits for its memory does not give up. */
  async #composeAt<T>(
    worker: PoolWorker,
    run: Run & { readonly task: T },
  ): Promise<ComposedTask<T>> {
    const onFree = (): void => this.#freed(worker, false);
    this.#keepAlive.add();
    worker.take(++this.#turn);
    try {
      return new SlottedTask(worker, run, await worker.compose(run, undefined), onFree);
    } catch (error) {
      onFree();
      throw toldToCaller(this.#orClosed(error), undefined, this.#composeAt);
    } finally {
      this.#keepAlive.remove();
    }
  }

  async ready(options: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    await this.#wait(options, 'the workers have not started', () => {
      if (this.#startError !== undefined) throw this.#startError.error;
      if (this.#state === 'closed') this.#checkOpen();
      return this.#count('ready') >= this.#settings.size;
    });
  }

  async drain(options: WaitOptions = {}): Promise<void> {
    await this.#wait(options, 'there are tasks still', () => this.#open.size === 0);
  }

  async close(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions(options);
    if (this.#state === 'open') this.#state = 'closing';
    try {
      await this.drain(options);
    } catch (error) {
      await this.destroy();
      throw error;
    }
    await this.#end((worker) => worker.finish());
  }

  async destroy(): Promise<void> {
    await this.#end(async (worker) => {
      worker.kill();
      await worker.gone;
    });
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): PoolStats {
    const { completed, failed, aborted, retried, deaths, recycled, waited, ran } = this.#counters;
    const { size, timers } = this.#settings;
    const lived = (timers.now() - this.#begun) * size;
    return {
      workers: [...this.#workers].map(({ info }) => info),
      queued: this.#queue.size,
      running: [...this.#open].filter(({ isRunning }) => isRunning).length,
      completed,
      failed,
      aborted,
      retried,
      deaths,
      recycled,
      waitTime: waited.durations,
      runTime: ran.durations,
      utilization: lived === 0 ? 0 : ran.total / lived,
    };
  }

  on<E extends keyof PoolEvents>(event: E, listener: PoolEvents[E]): this {
    checkEvent(event);
    this.#events.on(event, listener);
    return this;
  }

  off<E extends keyof PoolEvents>(event: E, listener: PoolEvents[E]): this {
    this.#events.off(event, listener);
    return this;
  }

  #submit(value: unknown, inPlace: boolean, options?: RunOptions): Promise<unknown> {
    const { signal, name, transfer, retries } = checkRun(options);
    if (signal?.aborted) throw abortedError(signal.reason);
    const composed = value instanceof SlottedTask ? (value as SlottedTask<unknown>) : undefined;
    // What may throw comes before anything is taken: nothing would give it back.
    if (composed === undefined) this.#admit();
    else this.#claim(composed, transfer);
    let given = value;
    if (composed === undefined && transfer !== undefined) {
      given = takeOver(value, transfer);
      // A getter of the value may have ended the pool, or aborted the task.
      if (signal?.aborted) throw abortedError(signal.reason);
      this.#checkOpen();
    }
    const task = new Task(
      {
        id: composed?.id ?? ++this.#lastId,
        name: composed?.name ?? name ?? 'default',
        value: given,
        composed,
        inPlace,
        retries: retries ?? this.#settings.retries,
        signal,
      },
      this.#taskEvents,
    );
    this.#open.add(task);
    this.#keepAlive.add();
    if (composed === undefined) this.#enqueue(task);
    else task.begin(composed.worker);
    return task.answer;
  }

  /** @throws `CLOSED`, `QUEUE_FULL`. */
  #admit(): void {
    this.#checkOpen();
    const { maxQueue } = this.#settings;
    if (this.#queue.size < maxQueue || this.#freeWorker() !== undefined) return;
    throw new PageferryError('QUEUE_FULL', `${maxQueue} tasks wait for a worker already`);
  }

  /** @throws `INVALID_ARGUMENT`, `CLOSED`: it can still be run then; `PEER_DIED`, `LOAN_NOT_OWNED`. */
  #claim(composed: SlottedTask<unknown>, transfer: readonly ArrayBuffer[] = []): void {
    const { worker, owned } = composed;
    if (!worker.isOf(this.#settings)) {
      throw invalidArgument('task', composed, 'one that this pool has composed');
    }
    // Its buffers lie in the worker's memory already.
    if (transfer.length > 0) {
      throw invalidArgument('transfer', transfer, 'left out for a composed task');
    }
    this.#checkOpen();
    const isFirst = composed.spend();
    if (isFirst && owned && this.#workers.has(worker)) return;
    if (isFirst) this.#freed(worker, false);
    if (isFirst && !this.#workers.has(worker)) throw worker.death;
    throw new PageferryError('LOAN_NOT_OWNED', 'this task was run or released');
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw closedError();
  }

  /** Why something was not composed: the death of a worker that the pool has ended is none. */
  #orClosed(error: unknown): unknown {
    const isOfEnd = this.#state === 'closed' && isPageferryError(error, 'PEER_DIED');
    return isOfEnd ? closedError() : error;
  }

  #enqueue(job: Job): void {
    const worker = this.#freeWorker();
    if (worker === undefined) this.#queue.push(job);
    else this.#begin(job, worker);
  }

  #begin(job: Job, worker: PoolWorker): void {
    worker.take(++this.#turn);
    job.begin(worker);
  }

  #leaveQueue(job: Job): void {
    if (this.#queue.delete(job)) this.#tellOfRoom();
  }

  /** Gives what waits to workers that have room. */
  #dispatch(): void {
    if (this.#queue.size === 0) return;
    for (;;) {
      const worker = this.#freeWorker();
      const job = worker && this.#queue.shift();
      if (worker === undefined || job === undefined) break;
      this.#begin(job, worker);
    }
    this.#tellOfRoom();
  }

  #tellOfRoom(): void {
    if (this.#queue.size === 0) this.#tell('drain');
  }

  /** The one with the fewest tasks; of several the last to have one, which may be awake still. */
  #freeWorker(): PoolWorker | undefined {
    let best: PoolWorker | undefined;
    for (const worker of this.#workers) {
      if (!worker.hasRoom) continue;
      const isBetter =
        best === undefined ||
        worker.taken < best.taken ||
        (worker.taken === best.taken && worker.lastTurn > best.lastTurn);
      if (isBetter) best = worker;
    }
    return best;
  }

  #retry(task: Task): void {
    this.#counters.retried++;
    this.#queue.pushFirst(task);
    this.#dispatch();
  }

  /** Workers work: those that are missing need not come one by one. */
  #answered(): void {
    if (!this.#backOff.isFailing) return;
    this.#backOff.succeeded();
    this.#forgetPause();
    this.#fill();
  }

  #settled(task: Task, outcome: 'completed' | 'failed' | 'aborted', ran: number): void {
    this.#counters[outcome]++;
    if (outcome === 'completed') this.#counters.ran.add(ran);
    this.#open.delete(task);
    this.#keepAlive.remove();
    this.#leaveQueue(task);
    this.#waiting.wake();
  }

  #freed(worker: PoolWorker, isDone: boolean): void {
    worker.giveBack(isDone);
    this.#review(worker);
    this.#dispatch();
  }

  /** Replaces a worker that is worn out, once nobody needs it. */
  #review(worker: PoolWorker): void {
    if (worker.state === 'ready' && worker.isWornOut) {
      worker.retire();
      this.#counters.recycled++;
      this.#fill();
    }
    if (worker.state === 'retiring' && worker.isUnused) void worker.finish();
  }

  /** Starts what is missing: one at a time, and after a pause, while workers die. */
  #fill(): void {
    if (this.#state === 'closed') return;
    const { size, timers } = this.#settings;
    while (this.#count('starting') + this.#count('ready') < size) {
      if (this.#backOff.isFailing) {
        if (this.#pause !== undefined || this.#count('starting') > 0) return;
        const { pause } = this.#backOff;
        if (pause > 0) {
          const timer = timers.setTimeout(() => {
            this.#pause = undefined;
            this.#start();
          }, pause);
          this.#pause = { timer };
          return;
        }
      }
      this.#start();
    }
  }

  /** The start that was put off is not needed any more. */
  #forgetPause(): void {
    if (this.#pause !== undefined) this.#settings.timers.clearTimeout(this.#pause.timer);
    this.#pause = undefined;
  }

  #start(): void {
    const worker = new PoolWorker(this.#settings);
    worker.onChange = () => this.#review(worker);
    this.#workers.add(worker);
    const starting = worker.start().then(
      () => {
        this.#tell('workerCreate', worker.info);
        this.#dispatch();
        this.#waiting.wake();
        this.#fill();
      },
      (error: unknown) => ({ error }),
    );
    void Promise.all([starting, worker.gone]).then(([failure]) => {
      this.#lost(worker, failure ?? undefined);
    });
  }

  /** A worker is gone, in order or not. */
  #lost(worker: PoolWorker, failure: { readonly error: unknown } | undefined): void {
    this.#workers.delete(worker);
    const isDeath = this.#state !== 'closed' && (failure !== undefined || !worker.wasTold);
    const reason = isDeath ? (failure?.error ?? worker.death) : undefined;
    this.#tell('workerDestroy', worker.info, reason);
    if (this.#state === 'closed') return;
    if (isDeath) {
      this.#counters.deaths++;
      this.#backOff.failed();
    }
    if (failure !== undefined && this.#count('ready') === 0) this.#rejectAll(failure.error);
    this.#fill();
  }

  /** No worker starts: whoever waits for one is told why. */
  #rejectAll(error: unknown): void {
    for (const job of this.#queue.drain()) job.reject(error);
    this.#startError = { error };
    this.#waiting.wake();
    this.#startError = undefined;
    this.#tellOfRoom();
  }

  /** What a listener throws must not keep from anything else. */
  #tell(event: keyof PoolEvents, ...words: readonly unknown[]): void {
    try {
      this.#events.emit(event, ...words);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #count(state: 'starting' | 'ready'): number {
    let count = 0;
    for (const worker of this.#workers) if (worker.state === state) count++;
    return count;
  }

  async #wait(options: WaitOptions, why: string, isSo: () => boolean): Promise<void> {
    this.#keepAlive.add();
    try {
      await withDeadline(
        options,
        (signal) => this.#waiting.until(isSo, signal),
        () => why,
      );
    } finally {
      this.#keepAlive.remove();
    }
  }

  async #end(end: (worker: PoolWorker) => Promise<void>): Promise<void> {
    this.#state = 'closed';
    this.#forgetPause();
    const error = closedError();
    for (const job of this.#queue.drain()) job.reject(error);
    for (const task of [...this.#open]) task.reject(error);
    this.#waiting.wake();
    this.#keepAlive.add();
    await Promise.all([...this.#workers].map(end));
    this.#keepAlive.remove();
    this.#keepAlive.close();
  }
}

function checkRun(given: RunOptions | undefined): RunOptions {
  const options = checkWaitOptions(given, RUN_OPTIONS);
  const { name, transfer, retries } = options;
  if (name !== undefined) checkName(name);
  if (transfer !== undefined) {
    checkArrayOf('transfer', transfer, 'a list of ArrayBuffers', types.isArrayBuffer);
  }
  if (retries !== undefined && retries !== Number.POSITIVE_INFINITY) {
    checkInteger('retries', retries, 0);
  }
  return options;
}

/** The buffers of a task become the pool's. */
function takeOver(value: unknown, transfer: readonly ArrayBuffer[]): unknown {
  try {
    return structuredClone(value, { transfer: [...transfer] });
  } catch (cause) {
    const why = `the task cannot be taken over: ${thrownInWords(cause)}`;
    throw new PageferryError('NOT_CLONEABLE', why, { cause });
  }
}

function checkName(name: unknown): void {
  if (typeof name !== 'string' || name === '') throw invalidArgument('name', name, 'a text');
}

function checkEvent(event: unknown): void {
  if (event === 'drain' || event === 'workerCreate' || event === 'workerDestroy') return;
  throw invalidArgument('event', event, "'drain', 'workerCreate' or 'workerDestroy'");
}

function closedError(): PageferryError {
  return new PageferryError('CLOSED', 'the pool is closed');
}
