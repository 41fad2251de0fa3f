import type { Slot } from '../memory/slot.js';
import type { Lane } from './lane.js';

/**
 * Passes memory of a message's own to everybody who must not miss the message, before anybody sees it.
 * That may stop half-way. The next attempt goes on from there, so that nobody gets a memory twice.
 */
export class MemoryPassing {
  /** The message whose memory has been passed to some, as which number, and to whom. */
  #slot: Slot | undefined;
  #sequence = 0;
  readonly #lanes = new Set<Lane>();

  /**
   * Passes the memory of `slot`, which is to be message number `sequence`.
   *
   * @returns false if some have to wait for it.
   * @throws `SYSTEM_CALL_FAILED`: it cannot be passed. What was passed stays so.
   */
  passToAll(slot: Slot, sequence: number, lanes: readonly Lane[]): boolean {
    if (slot !== this.#slot || sequence !== this.#sequence) {
      this.#giveUp();
      this.#slot = slot;
      this.#sequence = sequence;
    }
    const left = lanes.filter((lane) => !lane.mayMiss && !this.#lanes.has(lane));
    // Nobody gets in vain what somebody else cannot get yet.
    if (!left.every((lane) => lane.mayPass)) return false;
    for (const lane of left) {
      if (!lane.pass(slot, sequence)) return false;
      this.#lanes.add(lane);
    }
    return true;
  }

  /** The message was published. */
  done(): void {
    this.#lanes.clear();
    this.#slot = undefined;
  }

  /** The message is not going to be sent. */
  forget(slot: Slot): void {
    if (slot === this.#slot) this.#giveUp();
  }

  #giveUp(): void {
    for (const lane of this.#lanes) lane.passedInVain(this.#sequence);
    this.done();
  }
}
