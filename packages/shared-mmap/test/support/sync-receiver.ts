import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { SharedMmapReceiverOptions } from '@pageferry/shared-mmap';

/** What came of a command. */
export interface Answer {
  readonly result?: unknown;
  readonly code?: string;
}

/** A worker thread that waits with `receiveSync`. Closes its receiver when it is disposed of. */
export class SyncReceiver implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #threads: readonly string[];

  private constructor(worker: Worker, threads: readonly string[]) {
    this.#worker = worker;
    this.#threads = threads;
  }

  static async start(
    endpoint: string,
    options: Partial<SharedMmapReceiverOptions> = {},
  ): Promise<SyncReceiver> {
    const before = readdirSync('/proc/self/task');
    const program = new URL('../peers/sync-worker.mjs', import.meta.url);
    const worker = new Worker(program, { workerData: { endpoint, options } });
    await once(worker, 'message');
    const threads = readdirSync('/proc/self/task').filter((thread) => !before.includes(thread));
    return new SyncReceiver(worker, threads);
  }

  /** Has the thread do something. One command at a time. */
  async call(command: 'all' | 'one' | 'close', argument?: unknown): Promise<Answer> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage({ command, argument });
    const [message] = await answer;
    return message as Answer;
  }

  /** True once one of its threads sleeps in poll(2). */
  get sleeps(): boolean {
    return this.#threads.some((thread) => {
      const [number] = readFileSync(`/proc/self/task/${thread}/syscall`, 'latin1').split(' ');
      return number === POLL;
    });
  }

  /** How often its threads have gone to sleep by themselves, or have been sent away. */
  get contextSwitches(): number {
    return this.#threads.reduce((sum, thread) => {
      const status = readFileSync(`/proc/self/task/${thread}/status`, 'latin1');
      const [, count = '0'] = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(status) ?? [];
      return sum + Number(count);
    }, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#worker, 'exit');
    await this.call('close');
    await exit;
  }
}

/** Number of poll(2) on x86-64, of ppoll(2) on 64-bit ARM. */
const POLL = process.arch === 'x64' ? '7' : '73';
