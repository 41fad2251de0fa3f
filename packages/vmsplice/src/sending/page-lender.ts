import type { AdaptiveWaits } from '@pageferry/connection';
import type { Lender } from '@pageferry/core';
import type { Slot } from '../memory/page-pool.js';
import { PageLoans } from './page-loans.js';
import type { PageSharer, SharedPages } from './shared-pages.js';

/** Lends what any channel of a listener can send. */
export class PageLender implements Lender<Slot>, PageSharer {
  readonly #waits: AdaptiveWaits;
  readonly #sharing: SharedPages;
  readonly #loans: PageLoans;
  #isUsed = false;

  /** @param waits of the listener. */
  constructor(sharing: SharedPages, waits: AdaptiveWaits) {
    this.#waits = waits;
    this.#sharing = sharing;
    this.#loans = new PageLoans(sharing.pool, sharing, this);
    sharing.add(this);
  }

  get bytesOut(): number {
    return this.#loans.bytesOut;
  }

  allocate(byteLength: number): Slot | undefined {
    this.#isUsed = true;
    return this.#loans.lend(byteLength);
  }

  free(slot: Slot): void {
    this.#loans.free(slot);
  }

  settle(): void {
    // It has no connections: the channels are asked by themselves.
  }

  keep(slot: Slot): void {
    slot.isKept = true;
  }

  letGo(slot: Slot): void {
    slot.isKept = false;
    this.#loans.settle(slot);
    this.#sharing.wakeAll();
  }

  lendAgain(slot: Slot): void {
    this.#loans.again(slot);
  }

  /**
   * True while the listener waits, once it has lent anything: be it for memory, or for a channel to have less under
   * way. Whoever only receives need not be woken by what comes back.
   */
  get waitsForRoom(): boolean {
    return this.#isUsed && this.#waits.parked > 0;
  }

  collect(): void {
    // Nothing comes back to it.
  }

  /** Has all peers ring when they give something back, if any call waits for that. */
  park(): void {
    if (this.waitsForRoom) this.#sharing.park();
  }

  parkForOthers(): void {
    // It has no peers.
  }

  wake(): void {
    if (this.waitsForRoom) this.#waits.wake();
  }
}
