import { type PoolSharer, SharedPool } from '@pageferry/connection';
import type { PagePool, Slot } from '../memory/page-pool.js';

/** One of several outboxes that lend from one pool. */
export interface PageSharer extends PoolSharer {
  /** True while calls are parked that wait for memory. */
  readonly waitsForRoom: boolean;
}

/** The pool that the channels of one listener share, and which of them has lent what to the program. */
export class SharedPages extends SharedPool<PagePool, PageSharer> {
  readonly #loans = new Map<Slot, PageSharer>();

  /** True while anybody waits for memory: then every receiver has to ring when it gives something back. */
  get isWaitedFor(): boolean {
    for (const sharer of this.sharers) if (sharer.waitsForRoom) return true;
    return false;
  }

  /** A program has got a slot on loan. */
  noteLoan(slot: Slot, sharer: PageSharer): void {
    this.#loans.set(slot, sharer);
  }

  /** It has the slot no more. */
  forgetLoan(slot: Slot): void {
    this.#loans.delete(slot);
  }

  /** What a sharer has lent does not count any more: it lends nothing from now on, and takes nothing back. */
  abandonLoans(sharer: PageSharer): void {
    for (const [slot, lender] of this.#loans) {
      if (lender !== sharer) continue;
      this.#loans.delete(slot);
      this.pool.abandon(slot);
    }
  }
}
