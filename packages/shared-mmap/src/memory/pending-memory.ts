import { clock } from '@pageferry/core';
import type { OwnMemory } from './own-memory.js';

/** In how many turns of the event loop others ask, and its own message does not, before memory is given up. */
const MOST_TURNS = 4;
/** How often others ask in a row before it is: who polls may not let the event loop turn at all. */
const MOST_LOOKS = 10_000;

/**
 * Memory of a message's own that is being allocated, over several turns of the event loop: for one message at a time, which
 * is known by its length. Others wait until it is there. Were it given up for the next one that asks, two that ask
 * in turn would never get any.
 */
export class PendingMemory {
  #own: OwnMemory | undefined;
  /** Turns in which others have asked, and how often they have, since somebody has asked for this length. */
  #turns = 0;
  #looks = 0;
  #isCounting = false;

  /**
   * Goes on allocating, or begins.
   *
   * @param open makes the memory.
   * @returns the memory once all of it is there; it is the caller's then. `'growing'` until then, and while another
   *   message's is not there.
   * @throws `SYSTEM_CALL_FAILED`, also what `open` throws.
   */
  take(byteLength: number, exhausted: () => boolean, open: () => OwnMemory): OwnMemory | 'growing' {
    if (this.#own !== undefined && this.#own.messageLength !== byteLength) {
      if (!this.#isAbandoned()) return 'growing';
      this.close();
    }
    this.#turns = 0;
    this.#looks = 0;
    this.#own ??= open();
    const own = this.#own;
    try {
      if (!own.grow(exhausted)) return 'growing';
    } catch (error) {
      this.close();
      throw error;
    }
    this.#own = undefined;
    return own;
  }

  /** Lets go of what is not all there. */
  close(): void {
    this.#own?.close();
    this.#own = undefined;
  }

  /** Somebody else asks. True if whoever this is for does not any more. */
  #isAbandoned(): boolean {
    this.#looks++;
    if (!this.#isCounting) {
      this.#isCounting = true;
      clock.setImmediate(() => {
        this.#isCounting = false;
        this.#turns++;
      });
    }
    return this.#turns > MOST_TURNS || this.#looks > MOST_LOOKS;
  }
}
