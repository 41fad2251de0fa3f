/**
 * Keeps calls that wait for memory in their order until each is on its way. They get it in the order of the channel's own
 * line, but some microtasks pass before who was given memory sends it: whoever came later could be before it then.
 */
export class SendOrder {
  /** Resolves when the last of them is on its way, or has given up. */
  #last: Promise<void> | undefined;

  /** Whether somebody waits: then whoever comes now must wait, too. */
  get isBusy(): boolean {
    return this.#last !== undefined;
  }

  /**
   * @param lend waits for memory, from this very call on.
   * @param send begins to send before it returns.
   * @throws as `lend` and `send`.
   */
  async run<L, T>(lend: () => Promise<L>, send: (lent: L) => Promise<T>): Promise<T> {
    const before = this.#last;
    let isBegun = (): void => undefined;
    const own = new Promise<void>((resolve) => {
      isBegun = resolve;
    });
    this.#last = own;
    let sending: Promise<T>;
    try {
      const lent = await lend();
      await before;
      sending = send(lent);
    } finally {
      isBegun();
      if (this.#last === own) this.#last = undefined;
    }
    return await sending;
  }
}
