import type { ReceivedMessage } from './received-message.js';

/** The messages of a socket whose descriptors somebody may still take. */
export class UnclaimedMessages {
  readonly #messages: { readonly number: number; readonly message: ReceivedMessage }[] = [];
  #added = 0;

  /**
   * Takes a message in, before it is pushed. What was read before the one that was read last is closed.
   *
   * @param waiting how many of the messages that were added before wait to be read.
   */
  add(message: ReceivedMessage, waiting: number): void {
    const lastRead = this.#added - waiting - 1;
    while ((this.#messages[0]?.number ?? lastRead) < lastRead) {
      this.#messages.shift()?.message.close();
    }
    if (message.fds.length > 0) this.#messages.push({ number: this.#added, message });
    this.#added++;
  }

  /** Closes all but the one that was read last. @param waiting as for {@link add}. */
  closeOthers(waiting: number): void {
    const lastRead = this.#added - waiting - 1;
    for (const { number, message } of this.#messages) if (number !== lastRead) message.close();
  }

  /** Closes all of them. */
  close(): void {
    for (const { message } of this.#messages) message.close();
    this.#messages.length = 0;
  }
}
