import { clock } from '@pageferry/core';

/** What a {@link SharedPool} has to know of a pool of memory. */
export interface SharablePool {
  /** Bytes that are lent or held by somebody. */
  readonly bytesOut: number;
  /** Gives its memory back. Nobody uses it any more. */
  close(): void;
}

/** One of several outboxes that lend from one pool. */
export interface PoolSharer {
  /** Takes in what has come back. */
  collect(): void;
  /** Has its receivers ring when they give something back. */
  parkForOthers(): void;
  /** There may be room: has its calls that wait for it look again. */
  wake(): void;
}

/**
 * The pool that the channels of one listener share. What comes back on one of them makes room for all: who waits for
 * room has all of them ring, and is woken by any.
 */
export class SharedPool<P extends SharablePool, S extends PoolSharer = PoolSharer> {
  /** What is shared. */
  readonly pool: P;
  /** All that lend from the pool. */
  protected readonly sharers = new Set<S>();
  #wakesSoon = false;
  #isClosed = false;

  /** Takes the pool over. */
  constructor(pool: P) {
    this.pool = pool;
  }

  /** True once the pool is closed: nothing is given back to it any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Counts `sharer` in. */
  add(sharer: S): void {
    this.sharers.add(sharer);
  }

  /** Counts `sharer` out. */
  delete(sharer: S): void {
    this.sharers.delete(sharer);
  }

  /** Takes in what has come back on any channel. True if that has made room. */
  collect(): boolean {
    const before = this.pool.bytesOut;
    for (const sharer of this.sharers) sharer.collect();
    return this.pool.bytesOut < before;
  }

  /** Has all receivers ring when they give something back. */
  park(): void {
    for (const sharer of this.sharers) sharer.parkForOthers();
  }

  /** There may be room: has whoever waits look again, on every channel but the one that says so. */
  wakeOthers(except: S): void {
    for (const sharer of this.sharers) if (sharer !== except) sharer.wake();
  }

  /**
   * As {@link wakeOthers}, and the one that says so: what is lent to go to any channel is asked for and given back in
   * many places, all of which wait with the one that lends it.
   */
  wakeAll(): void {
    for (const sharer of this.sharers) sharer.wake();
  }

  /** As {@link wakeAll}, and soon: for who may be in the middle of a look of theirs. */
  wakeSoon(): void {
    if (this.#wakesSoon) return;
    this.#wakesSoon = true;
    clock.setImmediate(() => {
      this.#wakesSoon = false;
      this.wakeAll();
    });
  }

  /** Closes the pool: once nobody lends from it any more. */
  close(): void {
    this.#isClosed = true;
    this.sharers.clear();
    this.pool.close();
  }
}
