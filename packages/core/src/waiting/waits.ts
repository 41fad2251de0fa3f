/** Where calls of a sender or receiver wait until something has changed. */
export interface Waits {
  /** How many calls are parked. */
  readonly parked: number;
  /**
   * True if somebody else has run whenever the processor was offered lately. It may be the other side, which can bring no
   * news while this one looks for them. Not there where waits do not poll.
   */
  readonly sharesProcessor?: boolean;
  /** True while a call polls, and tells those that are parked. Not there where waits do not poll. */
  readonly polls?: boolean;
  /**
   * Resolves when `ready` is true; it may have side effects and is not called again then.
   *
   * @throws what `ready` throws, `signal.reason`, and the argument of {@link fail}.
   */
  until(ready: () => boolean, signal?: AbortSignal): Promise<void>;
  /** Has every parked call look again; to be called after any change that could make one ready. */
  wake(): void;
  /** Rejects every call that waits, and every later one, with `error`. */
  fail(error: unknown): void;
}
