import type { PagePool, Slot } from '../memory/page-pool.js';
import type { PageSharer, SharedPages } from './shared-pages.js';

/** What of a pool one sender, or one channel, has lent to the program. */
export class PageLoans {
  readonly #pool: PagePool;
  readonly #sharing: SharedPages | undefined;
  readonly #sharer: PageSharer;
  #lacksRoom = false;

  /**
   * @param sharing set if others lend from the pool, too.
   * @param sharer who lends here.
   */
  constructor(pool: PagePool, sharing: SharedPages | undefined, sharer: PageSharer) {
    this.#pool = pool;
    this.#sharing = sharing;
    this.#sharer = sharer;
  }

  /** Bytes of the pool that are lent or held by somebody. */
  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  /** True if the last call for memory found no room. */
  get lacksRoom(): boolean {
    return this.#lacksRoom;
  }

  /**
   * Lends memory for a message; `undefined` while there is no room.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  lend(byteLength: number): Slot | undefined {
    const slot = this.#take(byteLength);
    this.#lacksRoom = slot === undefined;
    if (slot === undefined) return undefined;
    try {
      // What a program sees is made at first use: now, where it can still fail without a loss.
      void slot.bytes;
    } catch (error) {
      this.#pool.giveBack(slot);
      throw error;
    }
    this.#begin(slot);
    return slot;
  }

  /** The program has released the loan. */
  free(slot: Slot): void {
    slot.isKept = false;
    this.end(slot);
    this.settle(slot);
    this.#sharing?.wakeAll();
  }

  /** The program has the slot no more: it was sent, be it that somebody else has lent it. */
  end(slot: Slot): void {
    slot.isLent = false;
    this.#sharing?.forgetLoan(slot);
  }

  /** The slot of a message that was sent, and kept, is the program's again, with what is in it. */
  again(slot: Slot): void {
    this.#pool.renew(slot);
    this.#begin(slot);
  }

  /** Gives a slot back to the pool if nobody needs it any more. */
  settle(slot: Slot): void {
    if (slot.holders === 0 && !slot.isLent && !slot.isKept) this.#pool.giveBack(slot);
  }

  /** Nothing is lent here any more; what the program has does not count in the pool of the others. */
  abandon(): void {
    this.#sharing?.abandonLoans(this.#sharer);
    this.#sharing?.wakeOthers(this.#sharer);
  }

  #begin(slot: Slot): void {
    slot.isLent = true;
    this.#sharing?.noteLoan(slot, this.#sharer);
  }

  #take(byteLength: number): Slot | undefined {
    const slot = this.#pool.take(byteLength);
    if (slot !== undefined || this.#sharing === undefined) return slot;
    return this.#sharing.collect() ? this.#pool.take(byteLength) : undefined;
  }
}
