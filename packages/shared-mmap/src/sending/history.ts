import type { Slot } from '../memory/slot.js';

/** The last messages, for receivers that join later. */
export class History {
  readonly #limit: number;
  readonly #onForget: (slot: Slot) => void;
  readonly #slots: Slot[] = [];

  /**
   * @param limit how many messages to keep; 0 keeps none.
   * @param onForget called for each message that is not kept any more.
   */
  constructor(limit: number, onForget: (slot: Slot) => void) {
    this.#limit = limit;
    this.#onForget = onForget;
  }

  /** True if messages are kept at all. */
  get keeps(): boolean {
    return this.#limit > 0;
  }

  /** What is kept, the oldest first: the last messages, without a gap. */
  get slots(): readonly Slot[] {
    return this.#slots;
  }

  add(slot: Slot): void {
    if (this.#limit === 0) return;
    if (this.#slots.length === this.#limit) this.#forget(1);
    slot.inHistory = true;
    this.#slots.push(slot);
  }

  /**
   * Forgets the oldest message that no receiver holds, and those before it: what is kept has no gaps.
   * False if there is none.
   */
  forgetUnheld(): boolean {
    if (this.#slots.length === 0) return false;
    const index = this.#slots.findIndex((slot) => !slot.isHeld);
    if (index < 0) return false;
    this.#forget(index + 1);
    return true;
  }

  #forget(count: number): void {
    for (const slot of this.#slots.splice(0, count)) {
      slot.inHistory = false;
      this.#onForget(slot);
    }
  }
}
