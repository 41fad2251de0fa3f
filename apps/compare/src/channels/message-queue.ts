import { ChannelEnded, type See } from './channel.js';

/** Messages that come as events, to somebody who wants a certain number of them. */
export class MessageQueue {
  /** What came while nobody wanted any. */
  readonly #early: Uint8Array[] = [];
  #missing = 0;
  #see: See = () => {};
  #settle: ((error?: Error) => void) | undefined;

  /** Takes a message that has come. */
  push(message: Uint8Array): void {
    if (this.#missing === 0) {
      this.#early.push(message);
      return;
    }
    this.#see(message, 0, message.length, 0);
    if (--this.#missing === 0) this.#settle?.();
  }

  /** Nothing comes any more. */
  end(): void {
    if (this.#missing > 0) this.#settle?.(new ChannelEnded(this.#missing));
  }

  /** Resolves when `count` messages were seen. */
  see(count: number, see: See): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#missing = count;
      this.#see = see;
      this.#settle = (error) => (error ? reject(error) : resolve());
      for (const message of this.#early.splice(0)) this.push(message);
    });
  }
}
