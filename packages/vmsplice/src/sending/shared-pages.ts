import { type PoolSharer, SharedPool } from '@pageferry/connection';
import type { PagePool } from '../memory/page-pool.js';

/** One of several outboxes that lend from one pool. */
export interface PageSharer extends PoolSharer {
  /** True while calls are parked that wait for memory. */
  readonly waitsForRoom: boolean;
}

/** The pool that the channels of one listener share. */
export class SharedPages extends SharedPool<PagePool, PageSharer> {
  /** True while anybody waits for memory: then every receiver has to ring when it gives something back. */
  get isWaitedFor(): boolean {
    for (const sharer of this.sharers) if (sharer.waitsForRoom) return true;
    return false;
  }
}
