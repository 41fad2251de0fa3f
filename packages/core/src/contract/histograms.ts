/**
 * How often values of each order of magnitude came, since the beginning. A snapshot, and plain data: it can be cloned,
 * sent, and written as JSON.
 */
export interface Histogram {
  /**
   * The largest value of each bucket: 0, 1, 3, 7, and so on, to 2^32 - 1. A bucket begins above the one before it; the
   * last one has everything that is larger, too.
   */
  readonly bounds: readonly number[];
  /** How many values each bucket has. As long as `bounds`. */
  readonly counts: readonly number[];
  /** How many values there are in all. */
  readonly count: number;
  /** All of them added up. */
  readonly sum: number;
  /** The largest one; 0 if there is none. */
  readonly max: number;
}

/** What a sender counts with `histograms: true`. */
export interface SenderHistograms {
  /** Lengths of the messages that were sent, in bytes. */
  readonly sentBytes: Histogram;
  /**
   * For how long calls waited for room, once it was their turn: `loan` in the pool, `send` and `sendMany` at the
   * receivers. In microseconds. Only of calls that found none, whatever became of them then.
   */
  readonly waitedMicroseconds: Histogram;
}

/** What a receiver counts with `histograms: true`. */
export interface ReceiverHistograms {
  /** Lengths of the messages that were handed over or moved on, in bytes, as far as `bytesReceived` counts them. */
  readonly receivedBytes: Histogram;
  /**
   * For how long deliveries were held, from when they were handed over to their last release. In microseconds. Of those
   * that were released by the program: `close` releases the rest, and counts none of them.
   */
  readonly heldMicroseconds: Histogram;
}

/** What a channel, or all channels of a listener together, count with `histograms: true`. */
export interface ChannelHistograms extends SenderHistograms, ReceiverHistograms {
  /**
   * How long it took until questions of this side were answered, be it with an error. In microseconds. Also of questions
   * that were given up meanwhile.
   */
  readonly answeredMicroseconds: Histogram;
}
