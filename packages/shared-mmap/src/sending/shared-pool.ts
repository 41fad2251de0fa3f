import { type PoolSharer, SharedPool } from '@pageferry/connection';
import { MAX_RECEIVERS } from '../capabilities.js';
import type { PayloadPool } from '../memory/payload-pool.js';

/** One of several outboxes that lend from one pool. */
export interface Sharer extends PoolSharer {
  /** Which bit in a slot says that its receiver has it. Negative for one that only lends. */
  readonly index: number;
  /** Lets everything go, at once. */
  abandon(): void;
}

/** The pool that the channels of one listener share: each has a bit in every slot. */
export class SharedPayloadPool extends SharedPool<PayloadPool, Sharer> {
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
    return new Set(Array.from(this.sharers, ({ index }) => index).filter((index) => index >= 0));
  }

  /** As the base class, though peers of closed channels may have something still: they keep what they have. */
  override close(): void {
    for (const sharer of this.sharers) sharer.abandon();
    super.close();
  }
}
