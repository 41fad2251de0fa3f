import type { Slot } from '../memory/slot.js';
import type { RingSubscriber } from './ring-subscriber.js';

/**
 * Passes what goes ahead of a message, memory of its own and descriptors, to everybody who must not miss the message,
 * before anybody sees it. That may stop half-way. The next attempt goes on from there, so that nobody gets it twice.
 */
export class MemoryPassing {
  /** The message for which something has been passed to some, as which number, and to whom. */
  #slot: Slot | undefined;
  #sequence = 0;
  readonly #subscribers = new Set<RingSubscriber>();

  /**
   * Passes what goes ahead of the message in `slot`, which is to be message number `sequence`.
   *
   * @returns false if some have to wait for it.
   * @throws `SYSTEM_CALL_FAILED`: it cannot be passed. What was passed stays so.
   */
  passToAll(slot: Slot, sequence: number, subscribers: readonly RingSubscriber[]): boolean {
    if (slot !== this.#slot || sequence !== this.#sequence) {
      this.#giveUp();
      this.#slot = slot;
      this.#sequence = sequence;
    }
    const left = subscribers.filter((subscriber) => !this.#subscribers.has(subscriber));
    // Nobody gets in vain what somebody else cannot get yet.
    if (!left.every((subscriber) => subscriber.mayPass)) return false;
    for (const subscriber of left) {
      if (!subscriber.pass(slot, sequence)) return false;
      this.#subscribers.add(subscriber);
    }
    return true;
  }

  /** The message was published. */
  done(): void {
    this.#subscribers.clear();
    this.#slot = undefined;
  }

  /** The message is not going to be sent, or not as it was. */
  forget(slot: Slot): void {
    if (slot === this.#slot) this.#giveUp();
  }

  #giveUp(): void {
    for (const subscriber of this.#subscribers) subscriber.passedInVain(this.#sequence);
    this.done();
  }
}
