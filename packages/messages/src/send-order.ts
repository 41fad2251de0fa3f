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
    let tellBegun = (): void => undefined;
    const own = new Promise<void>((resolve) => {
      tellBegun = resolve;
    });
    this.#last = own;
    const leave = (): void => {
      tellBegun();
      if (this.#last === own) this.#last = undefined;
    };
    let lent: L;
    try {
      lent = await lend();
    } catch (error) {
      // It rejects now, but those behind it wait for those before it still.
      if (before === undefined) leave();
      else void before.then(leave);
      throw error;
    }
    await before;
    let sending: Promise<T>;
    try {
      sending = send(lent);
    } finally {
      leave();
    }
    return await sending;
  }
}
