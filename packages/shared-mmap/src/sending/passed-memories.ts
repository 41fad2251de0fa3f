import { MAX_UNDER_WAY } from './memory-channel.js';

/** How many records that were passed in vain the receiver may have to keep. */
const MAX_IN_VAIN = 16;

/** How many may be on its socket, while it takes none off. */
const MAX_UNTAKEN = 32;

/**
 * Accounts for what was passed to one receiver that must not miss messages, ahead of the messages: how much of
 * it the receiver may have to keep, and how much it must have taken off its socket.
 *
 * What was passed in vain is for a number that another message has then. Receivers take messages in order:
 * who has returned one has gone past all numbers before, and keeps nothing for them.
 */
export class PassedMemories {
  #count = 0;
  /** Which memory each message has that is under way, by its number: the first one is 1. */
  readonly #which = new Map<number, number>();
  /** How many descriptors were passed with it. */
  readonly #counts = new Map<number, number>();
  /** The numbers that memory was passed for in vain, in ascending order, and how many descriptors with each. */
  readonly #inVain: { readonly sequence: number; readonly count: number }[] = [];
  /** The last memory that belongs to a message that was returned. */
  #lastReturned = 0;

  /** @param untaken how many records the receiver has not taken off its socket. */
  mayPass(untaken: number): boolean {
    const inVain = this.#inVain.reduce((sum, { count }) => sum + count, 0);
    return this.#inVain.length < MAX_IN_VAIN && inVain < MAX_UNDER_WAY && untaken < MAX_UNTAKEN;
  }

  /** So many descriptors were passed for the message that is to have this number. */
  passed(sequence: number, count = 1): void {
    this.#which.set(sequence, ++this.#count);
    this.#counts.set(sequence, count);
  }

  /** That message is not sent, or not as that number. */
  passedInVain(sequence: number): void {
    this.#which.delete(sequence);
    const count = this.#counts.get(sequence) ?? 0;
    this.#counts.delete(sequence);
    // Another one for the same number takes its place at the receiver.
    if (this.#inVain.at(-1)?.sequence === sequence) this.#inVain.pop();
    this.#inVain.push({ sequence, count });
  }

  /** The receiver has returned a message, be it one without memory of its own. */
  returned(sequence: number, hasOwn: boolean): void {
    while ((this.#inVain[0]?.sequence ?? Number.POSITIVE_INFINITY) <= sequence)
      this.#inVain.shift();
    if (!hasOwn) return;
    this.#counts.delete(sequence);
    this.#lastReturned = Math.max(this.#lastReturned, this.#which.get(sequence) ?? 0);
    this.#which.delete(sequence);
  }

  /**
   * True if the receiver says that it is done with a message whose memory it has not taken: it leaves
   * memory on its socket, for which the sender would wait for ever.
   */
  areHoarded(untaken: number): boolean {
    return this.#count - untaken < this.#lastReturned;
  }
}
