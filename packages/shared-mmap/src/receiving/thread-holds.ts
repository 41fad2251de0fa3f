import { clock, type Delivery, type ThreadMemory } from '@pageferry/core';
import { type DescriptorWatcher, type LinuxCalls, POLLIN, systemCallError } from '@pageferry/linux';
import type { InboundMessage } from './inbound-message.js';
import type { MessageMemories } from './message-memories.js';

/** For how long to sleep at a stretch, in milliseconds; see `blockUntilNews`. */
const SLICE = 50;

/** The messages that other threads have not released, and the bell by which they tell that they have. */
export class ThreadHolds {
  readonly #calls: LinuxCalls;
  readonly #memories: MessageMemories;
  readonly #counter = new Uint8Array(8);
  readonly #held = new Map<Int32Array, Pick<Delivery, 'release'>>();
  #watcher: DescriptorWatcher | undefined;
  /** What the threads ring: a descriptor of the binding's. */
  readonly bell: number;

  private constructor(calls: LinuxCalls, memories: MessageMemories) {
    this.#calls = calls;
    this.#memories = memories;
    this.bell = memories.threadBell();
  }

  /**
   * Watches the bell of a receiver's memory from now on. It keeps no event loop alive.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`).
   */
  static open(calls: LinuxCalls, memories: MessageMemories): ThreadHolds {
    const threads = new ThreadHolds(calls, memories);
    const watcher = calls.watch(threads.bell, POLLIN, () => threads.collect());
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher, 'eventfd');
    watcher.unref();
    threads.#watcher = watcher;
    return threads;
  }

  /** Whether another thread has a message. */
  get isAny(): boolean {
    return this.#held.size > 0;
  }

  /**
   * Shows a message to so many threads.
   *
   * @param hold is released when all of them are done.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  add(message: InboundMessage, threads: number, hold: Pick<Delivery, 'release'>): ThreadMemory {
    const alias = this.#memories.forThreads(message);
    const holds = new Int32Array(alias.holds);
    holds[0] = threads;
    // Not its memory: that no thread has it any more is the last sign that they are done.
    this.#held.set(holds, hold);
    return { bytes: new Uint8Array(alias.memory), holds, bell: this.bell };
  }

  /** Takes in what threads have released. */
  collect(): void {
    // Before the look: whoever rings after it is heard the next time.
    this.#calls.read(this.bell, this.#counter, 0, this.#counter.length);
    for (const [holds, hold] of this.#held) {
      if (Atomics.load(holds, 0) > 0) continue;
      this.#held.delete(holds);
      hold.release();
    }
  }

  /** Blocks this thread until another one may have released something, or until a time of the clock. */
  block(deadline: number): void {
    const left = Math.max(Math.min(deadline - clock.now(), SLICE), 0);
    this.#calls.poll(this.bell, POLLIN, Math.ceil(left));
  }

  /** Listens no more: what threads hold is theirs from now on. */
  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#held.clear();
  }
}
