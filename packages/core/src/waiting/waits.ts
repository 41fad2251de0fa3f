/** Where calls of a sender or receiver wait until something has changed. */
export interface Waits {
  /** How many calls are parked. */
  readonly parked: number;
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
