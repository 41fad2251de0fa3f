/** A descriptor that is to travel with a message: its number, or an object that has it as `fd`. It stays the caller's. */
export type AttachedDescriptor = number | { readonly fd: number };

/** A descriptor that came with a message. Whoever has taken it closes it. Close-on-exec. Disposable with `using`. */
export interface ReceivedDescriptor extends Disposable {
  /**
   * Its number, until `close` or `release`.
   *
   * @throws `CLOSED` afterwards.
   */
  readonly fd: number;
  /** True until `close` or `release`. */
  readonly open: boolean;
  /** Gives the number up without closing it: it is the caller's now, for what takes numbers over. */
  release(): number;
  /** Closes it. Harmless the second time. */
  close(): void;
}
