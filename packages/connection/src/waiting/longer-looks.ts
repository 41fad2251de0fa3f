/** How long it takes to wake up who sleeps, and to hear from it, in milliseconds: twice what it takes on a quiet machine. */
const WAKE_UP = 0.05;

/** How many waits have to end while they look for one that may look for longer, and how many are kept in mind. */
const WAITS_FOR_ONE = 16;
const MOST_SAVED = 4 * WAITS_FOR_ONE;

/**
 * Whether a wait that has looked in vain may look for as long as it takes to wake somebody up, before it sleeps.
 *
 * Two sides that answer each other at once find each answer while they look. Once one of them was held up, both sleep,
 * and stay that way: each looks for a moment and parks, before the other one, which has to be woken, can have answered.
 * A longer look ends that. Only waits that ended while they looked make up for one, so that two sides which need
 * longer for their answers sleep as before. To look for no longer than sleeping would take is competitive spinning (Karlin,
 * Li, Manasse and Owicki, "Empirical Studies of Competitive Spinning for a Shared-Memory Multiprocessor", SOSP 1991).
 */
export class LongerLooks {
  readonly milliseconds: number = WAKE_UP;
  #saved = 0;

  /** A wait has ended while it looked, and not at once. */
  found(): void {
    if (this.#saved < MOST_SAVED) this.#saved++;
  }

  /** Whether a wait may look for longer now. If so, it has used that up. */
  take(): boolean {
    if (this.#saved < WAITS_FOR_ONE) return false;
    this.#saved -= WAITS_FOR_ONE;
    return true;
  }
}
