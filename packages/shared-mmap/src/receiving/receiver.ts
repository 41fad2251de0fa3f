import type { Delivery, Receiver, ReceiverStats } from '@pageferry/core';

/** Counters of a shared-memory receiver. */
export interface SharedMmapReceiverStats extends ReceiverStats {
  /**
   * Messages that this receiver has missed because it was behind: as the sender counts, at once and to the
   * end. And those whose memory was lost, because this process had no descriptor left.
   */
  readonly messagesDropped: number;
}

/** The receiving side of the shared-memory transport. */
export interface SharedMmapReceiver extends Receiver {
  /**
   * Waits for the next message with the thread itself: for worker threads that do nothing else. The
   * event loop stands still meanwhile. Polls for `spinMicroseconds`, then sleeps in poll(2).
   *
   * Resolves to `undefined` when the sender has closed in good order and everything is drained.
   *
   * @param options.timeout in milliseconds. No limit by default.
   * @throws `CLOSED`, `TIMEOUT` (nothing is lost), `PEER_DIED`, `PEER_MISBEHAVED`; `NOT_SUPPORTED` if
   *   another call of this receiver waits, or if it holds as much as it may: neither could ever end.
   */
  receiveSync(options?: { readonly timeout?: number | undefined }): Delivery | undefined;
  stats(): SharedMmapReceiverStats;
}
