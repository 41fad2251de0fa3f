import {
  clock,
  isTurnAwaited,
  type LoopBudget,
  lastInNextTurn,
  SPINS_BEFORE_PARKING,
  WaitList,
  type Waits,
} from '@pageferry/core';
import { CONTENDED, type LinuxCalls, offerProcessor } from '@pageferry/linux';
import { LongerLooks } from './longer-looks.js';

/** A yield that takes longer, in milliseconds, had somebody else run: two switches and something in between. */
const SHARED = 0.003;

/** What a wait that polls has found. */
type Found = 'ready' | 'turn is due' | 'nothing';

const READY = Promise.resolve();

/** What {@link AdaptiveWaits} needs to know. */
export interface AdaptiveWaitsSettings {
  /** The owner's budget: how long the event loop may be held at a stretch. */
  readonly budget: LoopBudget;
  /** For how long a wait polls without seeing anything move, before it parks. */
  readonly spinMicroseconds: number;
  /** The system calls of a binding. */
  readonly calls: LinuxCalls;
  /** How often a wait looks before it offers the processor to others. Default: as often as suits loads from memory. */
  readonly spins?: number;
  /** Tells the other side that this one is about to park, and what would wake it. */
  readonly arm: () => void;
}

/**
 * Waiting as every Linux transport does it: poll for a bounded time, in slices that leave the event
 * loop its turns, then park until the other side rings.
 */
export class AdaptiveWaits implements Waits {
  readonly #settings: AdaptiveWaitsSettings;
  readonly #list: WaitList;
  #progress = 0;
  #resuming = false;
  /** True while one wait polls. The others are parked, and asked as often as the event loop turns. */
  #isPolled = false;
  /** Since when that one has seen nothing move. */
  #idleSince = 0;
  /** Whether somebody else ran when this side has last offered the processor. */
  #sharesProcessor = false;
  /** Whether anything has come since the event loop's last turn but one: then more will, mostly. */
  #isBusy = false;
  readonly #longerLooks = new LongerLooks();

  constructor(settings: AdaptiveWaitsSettings) {
    this.#settings = settings;
    this.#list = new WaitList(() => {
      // Who looks again in the next turn anyway need not be woken, nor who is looked after by one that polls.
      if (this.#resuming || this.#isPolled) return;
      // To say that one parks, and to ring who has said so, costs more than a turn of the event loop.
      if (this.#isBusy) this.resumeSoon();
      else settings.arm();
    });
  }

  get parked(): number {
    return this.#list.parked;
  }

  get sharesProcessor(): boolean {
    return this.#sharesProcessor;
  }

  get polls(): boolean {
    return this.#isPolled;
  }

  /** As {@link Waits.until}; polls first, unless another wait does so already. */
  // No async function: that takes as much memory as a short message, and mostly there is nothing to wait for.
  until(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    // One at a time: several would take the processor from each other, and from the other side.
    if (this.#isPolled) return this.#list.until(ready, signal);
    this.#isPolled = true;
    this.#idleSince = clock.now();
    let found: Found;
    try {
      found = this.#poll(ready, signal);
    } catch (error) {
      this.#endPolling();
      return Promise.reject(error);
    }
    if (found === 'turn is due') return this.#pollOn(ready, signal);
    this.#endPolling();
    return found === 'ready' ? READY : this.#list.until(ready, signal);
  }

  async #pollOn(ready: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    let found: Found;
    try {
      do {
        await lastInNextTurn();
        if (this.#list.parked > 0) this.#list.wake();
        found = this.#poll(ready, signal);
      } while (found === 'turn is due');
    } finally {
      this.#endPolling();
    }
    if (found === 'nothing') await this.#list.until(ready, signal);
  }

  /** Polls until the condition holds, the event loop is due for a turn, or it is time to park. */
  #poll(ready: () => boolean, signal: AbortSignal | undefined): Found {
    const { budget, spinMicroseconds } = this.#settings;
    this.#list.throwIfOver(signal);
    let contended = false;
    let hasLooked = false;
    do {
      const before = this.#progress;
      const looks = this.#looksInARow();
      for (let look = 0; look < looks && this.#progress === before; look++) {
        if (ready()) {
          // What was so from the beginning nobody has answered.
          if (hasLooked) this.#longerLooks.found();
          return 'ready';
        }
        hasLooked = true;
      }
      if (this.#progress !== before) {
        this.#idleSince = clock.now();
        contended = false;
      } else if (contended) {
        return 'nothing';
      } else {
        contended = this.#yield();
      }
    } while (budget.mayPoll() && !isTurnAwaited());
    const isOver = contended || (clock.now() - this.#idleSince) * 1000 >= spinMicroseconds;
    if (!isOver) return 'turn is due';
    return this.#mayLookLonger() && this.#lookLonger(ready) ? 'ready' : 'nothing';
  }

  #mayLookLonger(): boolean {
    // Who has polled for that long has nothing to gain. Nor has anybody while the other side may need this processor, or
    // somebody else waits for a turn.
    const { milliseconds } = this.#longerLooks;
    if (this.#settings.spinMicroseconds >= milliseconds * 1000) return false;
    return !this.#sharesProcessor && !isTurnAwaited() && this.#longerLooks.take();
  }

  /** See {@link LongerLooks}. A look may be work, such as to allocate memory: what moves asks for a turn. */
  #lookLonger(ready: () => boolean): boolean {
    const before = this.#progress;
    const end = clock.now() + this.#longerLooks.milliseconds;
    do {
      const looks = this.#looksInARow();
      for (let look = 0; look < looks; look++) {
        if (ready()) return true;
        if (this.#progress !== before) return false;
      }
    } while (!this.#yield() && clock.now() < end && !isTurnAwaited());
    return false;
  }

  /** Who shares the processor with the other side keeps it from answering by each look. */
  #looksInARow(): number {
    return this.#sharesProcessor ? 1 : (this.#settings.spins ?? SPINS_BEFORE_PARKING);
  }

  /** Offers the processor to others. Returns whether they want it. */
  #yield(): boolean {
    const away = offerProcessor(this.#settings.calls);
    this.#sharesProcessor = away > SHARED;
    return away > CONTENDED;
  }

  #endPolling(): void {
    this.#isPolled = false;
    // Nobody looks after the others any more, however this one has ended.
    if (this.#list.parked > 0) this.resumeSoon();
  }

  /** Notes that something moved: a wait in progress polls on instead of parking. */
  moved(): void {
    this.#progress++;
  }

  wake(): void {
    this.#isBusy = true;
    this.#list.wake();
  }

  /**
   * Has parked waits look again in the next turn of the event loop: for work that stopped because
   * the budget was used up, not because there was nothing to do.
   */
  resumeSoon(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    clock.setImmediate(() => this.#resume());
  }

  #resume(): void {
    this.#resuming = false;
    if (this.#isBusy) {
      this.#isBusy = false;
      this.resumeSoon();
    }
    this.#list.wake();
  }

  fail(error: unknown): void {
    this.#list.fail(error);
  }
}
