import { MAX_RECEIVERS } from '../capabilities.js';
import type { PayloadPool } from '../memory/payload-pool.js';

/** One of several outboxes that lend from one pool. */
export interface Sharer {
  /** Which bit in a slot says that its receiver has it. Negative for one that only lends. */
  readonly index: number;
  /** Takes in what has come back. */
  collect(): void;
  /** Has its receivers ring when they give something back. */
  parkForOthers(): void;
  /** Has its calls look again. */
  wake(): void;
  /** Lets everything go, at once. */
  abandon(): void;
}

/**
 * The pool that the channels of one listener share. What comes back on one of them makes room for all: who waits for
 * room has all of them ring, and is woken by any.
 */
export class SharedPool {
  readonly pool: PayloadPool;
  readonly #sharers = new Set<Sharer>();

  /** Takes the pool over. */
  constructor(pool: PayloadPool) {
    this.pool = pool;
  }

  add(sharer: Sharer): void {
    this.#sharers.add(sharer);
  }

  delete(sharer: Sharer): void {
    this.#sharers.delete(sharer);
  }

  /** True while one more channel can be served: also one that is closed counts, while its peer has something. */
  get hasRoom(): boolean {
    if (this.#taken.size >= MAX_RECEIVERS) this.collect();
    return this.#taken.size < MAX_RECEIVERS;
  }

  /** The lowest bit that no channel has. Only while there {@link hasRoom}. */
  freeIndex(): number {
    const taken = this.#taken;
    for (let index = 0; index < MAX_RECEIVERS; index++) if (!taken.has(index)) return index;
    throw new RangeError('every channel is taken');
  }

  get #taken(): ReadonlySet<number> {
    return new Set(Array.from(this.#sharers, ({ index }) => index).filter((index) => index >= 0));
  }

  /** Takes in what has come back on any channel. True if that has made room. */
  collect(): boolean {
    const before = this.pool.bytesOut;
    for (const sharer of this.#sharers) sharer.collect();
    return this.pool.bytesOut < before;
  }

  /** Has all receivers ring when they give something back. */
  park(): void {
    for (const sharer of this.#sharers) sharer.parkForOthers();
  }

  /** There may be room: has whoever waits look again, on every channel but the one that says so. */
  wakeOthers(except: Sharer): void {
    for (const sharer of this.#sharers) if (sharer !== except) sharer.wake();
  }

  close(): void {
    for (const sharer of this.#sharers) sharer.abandon();
    this.#sharers.clear();
    this.pool.close();
  }
}
