import type { SharedDelivery } from '@pageferry/core';
import { ForwardedMessage } from './forwarded-message.js';
import { released } from './message.js';

/** A message that several listeners get: each can release it for itself alone. Its memory goes back when all have been called. */
export class LentMessage<T> extends ForwardedMessage<T> {
  #isReleased = false;

  override get value(): T {
    if (this.#isReleased) throw released();
    return super.value;
  }

  override get released(): boolean {
    return this.#isReleased || super.released;
  }

  override forThreads(threads?: number): SharedDelivery {
    if (this.#isReleased) throw released();
    return super.forThreads(threads);
  }

  override release(): void {
    this.#isReleased = true;
  }
}
