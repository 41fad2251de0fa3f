import type { OwnBuffer } from './bytes.js';

/**
 * A delivery on its way to other threads of its receiver's process: what `Delivery.forThreads` returns, what `postMessage`
 * takes as it is, without a copy, and what `openShared` makes a {@link ThreadDelivery} of over there. Plain data.
 */
export interface SharedDelivery {
  /** The message, in a `SharedArrayBuffer`. Over read-only memory it must not be written to: see `Delivery.bytes`. */
  readonly bytes: Uint8Array;
  /** As `Delivery.sequence`. */
  readonly sequence: number;
  /** As `Delivery.tag`. */
  readonly tag: number;
  /** As `Delivery.offset`. */
  readonly offset: number;
  /** How many threads are not done with it. For `openShared` alone. */
  readonly holds: Int32Array;
  /** The descriptor by which the receiver is told. For `openShared` alone. */
  readonly bell: number;
}

/**
 * A delivery in another thread than its receiver's.
 *
 * Ownership: this thread may read `bytes` until `release`; the memory goes back to the sender when every thread, and whoever
 * holds the delivery itself, has said so. A thread that ends without a word, or a message that it never took, counts
 * as done once no thread refers to the bytes any more, which the garbage collectors find out in their own time. What is not
 * released when the receiver closes, or its thread ends, keeps its bytes.
 */
export interface ThreadDelivery extends Disposable {
  /**
   * The message, for reading.
   *
   * @throws `DELIVERY_RELEASED` after `release`.
   */
  readonly bytes: Uint8Array;
  /** Length of `bytes`. Readable in every state. */
  readonly byteLength: number;
  /** As `Delivery.sequence`. */
  readonly sequence: number;
  /** As `Delivery.tag`. */
  readonly tag: number;
  /** As `Delivery.offset`. */
  readonly offset: number;
  /** True once this thread is done with it. */
  readonly released: boolean;
  /**
   * The message in memory of its own, which stays valid for ever. One copy.
   *
   * @throws `DELIVERY_RELEASED`.
   */
  copy(): OwnBuffer;
  /** Says that this thread is done with it. Does nothing after that. Never throws. */
  release(): void;
}
