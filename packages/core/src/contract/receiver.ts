import type { Bytes, OwnBuffer } from './bytes.js';
import type { ReceivedDescriptor } from './descriptors.js';
import type { ReceiverHistograms } from './histograms.js';
import type { SharedDelivery } from './threads.js';
import type { WaitOptions } from './transport.js';

/**
 * One received message.
 *
 * Ownership: the caller may read `bytes` until `release`; then the memory holds other messages, or
 * goes back to the sender. Whoever reads on after the call that got the bytes (a response that is being
 * sent, a compression on the thread pool) needs a hold of its own: see {@link retain}. A delivery
 * releases itself at the end of a `using` block. Unreleased deliveries hold the sender up: nothing is
 * lost, but nothing moves either.
 */
export interface Delivery extends Disposable {
  /**
   * The message.
   *
   * @throws `DELIVERY_RELEASED` after `release`, `BYTES_DETACHED` if another API has taken the memory over.
   */
  readonly bytes: Bytes;
  /** Length of `bytes`. Readable in every state. */
  readonly byteLength: number;
  /** Number of the message, counted by the sender from 0. */
  readonly sequence: number;
  /** The sender's number for it; see `Loan.tag`. */
  readonly tag: number;
  /** Bytes of the message that an interrupted `spliceTo` moved on before. 0 otherwise. */
  readonly offset: number;
  /** How many descriptors came with it, and were not taken. */
  readonly descriptors: number;
  /** True once nobody holds it any more, or its receiver was closed. */
  readonly released: boolean;
  /**
   * Hands over the descriptors that came with the message, in the order in which they were attached. The caller
   * closes them. Those that nobody takes are closed with the last release, and with the receiver. A second call
   * gets none.
   *
   * @throws `DELIVERY_RELEASED`.
   * @example
   * using delivery = await receiver.receive();
   * for (using file of delivery.takeDescriptors()) fs.readSync(file.fd, buffer);
   */
  takeDescriptors(): readonly ReceivedDescriptor[];
  /** The message in memory of its own, which stays valid for ever. One copy. */
  copy(): OwnBuffer;
  /**
   * Adds a hold: the memory goes back when `release` was called once for each hold. A delivery begins
   * with one. `receiver.close()` ends all of them.
   *
   * @returns the delivery itself.
   * @throws `DELIVERY_RELEASED` after the last release.
   * @example
   * for await (using delivery of receiver) {
   *   // The socket reads until its callback, which may be long after this turn of the loop.
   *   socket.write(delivery.retain().bytes, () => delivery.release());
   * }
   */
  retain(): this;
  /**
   * Leaves one hold to the garbage collector: it ends when nothing refers to the bytes that this returns any more, be it by
   * a view of a view. They are the same bytes, for reading, in an `ArrayBuffer` of their own, which cannot be transferred.
   * Whoever calls this does not release that hold.
   *
   * `undefined` says that nothing was done, and the hold is still the caller's: a transport may not be able to, and no more
   * than a share of what may be held is left to a collector that may never run. Then there is {@link copy}.
   *
   * @throws `DELIVERY_RELEASED`.
   * @example
   * const bytes = delivery.untilCollected() ?? delivery.copy();
   */
  untilCollected(): Bytes | undefined;
  /**
   * The same bytes for other threads of this process: what `postMessage` takes without a copy, and `openShared` opens over
   * there. It holds the delivery until as many threads have released it, or no thread refers to its bytes any more.
   *
   * For each thread one such call is best: then the end of one thread says nothing for the others. `threads` is
   * for what goes to several at once, as over a `BroadcastChannel`.
   *
   * Only where the receiver was made with `sharedToThreads`, which a transport may have as an option.
   *
   * @param threads how many threads will release it. Default: 1.
   * @throws `NOT_SUPPORTED`, `INVALID_ARGUMENT`, `DELIVERY_RELEASED`, `SYSTEM_CALL_FAILED`.
   * @example
   * for await (using delivery of receiver) {
   *   for (const worker of workers) worker.postMessage(delivery.forThreads());
   * }
   */
  forThreads(threads?: number): SharedDelivery;
  /** Ends one hold, and gives the memory back with the last. Does nothing after that. */
  release(): void;
}

/**
 * Where `spliceTo` moves a message: a descriptor number, or an object that holds one in `fd` (a
 * `FileHandle` of `node:fs/promises`, an open `fs.WriteStream`, `process.stdout`, an `OwnedFd`). It stays open and
 * stays the caller's. A stream must have written all that it was given, or the message would overtake that:
 * otherwise it is refused. Streams without a descriptor (a `net.Socket`, the `stdin` of a child) are refused too:
 * write the deliveries to them.
 */
export type SpliceDestination = number | { readonly fd: number };

/** Options of {@link Receiver.spliceTo}. */
export interface SpliceOptions extends WaitOptions {
  /** A pipe that gets the same bytes too. Needs the capability `tee`. */
  readonly tee?: SpliceDestination | undefined;
}

/**
 * How a message went on to its destination:
 *
 * - `splice`: page references moved; the bytes never entered user memory.
 * - `write`: written straight out of memory that is shared with the sender.
 * - `read-write`: through a buffer in user memory, where that is faster, or all that is possible.
 */
export type SpliceMethod = 'splice' | 'write' | 'read-write';

/** What {@link Receiver.spliceTo} did. */
export interface SpliceResult {
  /** Bytes that this call moved on. */
  readonly byteLength: number;
  /** Number of the message, counted by the sender from 0. */
  readonly sequence: number;
  /** The sender's number for the message; see `Loan.tag`. */
  readonly tag: number;
  /** The method that most of the bytes took. */
  readonly method: SpliceMethod;
  /**
   * How often a byte that took this method was copied into or out of user memory on this side: 0 for
   * `splice`, 1 for `write`, 2 for `read-write`. The unaligned end of a message to an `O_DIRECT` file may take the other way.
   */
  readonly userSpaceCopies: number;
}

/** What is known of a message before it is received. */
export interface MessageInfo {
  /** Length of the whole message in bytes. */
  readonly byteLength: number;
  /** Number of the message, counted by the sender from 0. */
  readonly sequence: number;
  /** Bytes of it that an interrupted `spliceTo` has moved on: so many fewer are still to come. */
  readonly offset: number;
  /** The sender's number for it; see `Loan.tag`. */
  readonly tag: number;
}

/** Counters of a receiver since it was created. A snapshot. */
export interface ReceiverStats {
  /** Messages handed to the caller or moved on whole. */
  readonly messagesReceived: number;
  /** Payload bytes handed to the caller or moved on, by calls that succeeded. */
  readonly bytesReceived: number;
  /** Deliveries that are in the caller's hands now. */
  readonly deliveriesHeld: number;
  /** Bytes of those deliveries. */
  readonly bytesHeld: number;
  /**
   * Payload memory that this receiver maps and other processes map, too, in bytes: so much of what RSS says, at most,
   * is counted in more than one process. 0 where a transport shares no memory.
   */
  readonly sharedBytes: number;
  /** Absent unless the option `histograms` is true. */
  readonly histograms?: ReceiverHistograms | undefined;
}

/**
 * The receiving side of a transport. Disposable with `await using`.
 *
 * Messages arrive in the order in which they were sent. Calls that wait are served in the order in
 * which they were made.
 *
 * @example
 * for await (using delivery of receiver) process(delivery.bytes);
 */
export interface Receiver extends AsyncDisposable, AsyncIterable<Delivery> {
  /** True once `close` was called. */
  readonly closed: boolean;
  /**
   * True once a call has found the orderly end of the sender: no message will come any more. A loop
   * over `tryReceive`, which says `undefined` before the end as at the end, looks here.
   */
  readonly ended: boolean;
  /**
   * Waits for the next message. Resolves to `undefined` when the sender has closed in good order
   * and everything is drained.
   *
   * @throws `CLOSED`, `ABORTED`, `TIMEOUT` (no message is lost by either), `PEER_DIED` (after
   *   everything that had arrived whole was delivered), `PEER_REJECTED` (cut off by a sender that lives),
   *   `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  receive(options?: WaitOptions): Promise<Delivery | undefined>;
  /**
   * The next message if it is here, whole, and no other call waits for it; `undefined` otherwise, and
   * at the end, which {@link ended} tells.
   *
   * @throws as `receive`, without the waiting.
   */
  tryReceive(): Delivery | undefined;
  /**
   * Tells of the next message, without receiving it: how long it is, before there is memory for it.
   * `undefined` while none is announced or another call waits for it, and at the end. It need not be here
   * whole.
   *
   * A receiver that may miss messages does not miss this one any more.
   *
   * @throws as `tryReceive`.
   */
  peek(): MessageInfo | undefined;
  /**
   * Waits for one message and takes what else is here, up to `max`. An empty array is the end.
   *
   * @param max a positive integer.
   */
  receiveMany(max: number, options?: WaitOptions): Promise<readonly Delivery[]>;
  /**
   * Releases several deliveries, as {@link Delivery.release} would one after the other. Where the transport can,
   * the sender is told of all of them at once, which costs less.
   *
   * @param deliveries of this receiver; those that are released already are passed over.
   * @throws `INVALID_ARGUMENT` for anything but an array of this receiver's deliveries, before any is released.
   */
  releaseMany(deliveries: readonly Delivery[]): void;
  /**
   * Moves the next message on to a descriptor, without bringing it into user memory where that is
   * possible and faster. Resolves to `undefined` at the end, as `receive`.
   *
   * If it fails or is aborted half-way, the rest of the message is kept: the next `spliceTo`
   * continues it, to the same or another destination, and `receive` delivers the rest.
   *
   * @throws as `receive`, and `INVALID_ARGUMENT`, `NOT_SUPPORTED` (`tee`), `SYSTEM_CALL_FAILED`
   *   with `errnoName` (`ENOSPC`, `EPIPE`, …) and `bytesTransferred`.
   */
  spliceTo(
    destination: SpliceDestination,
    options?: SpliceOptions,
  ): Promise<SpliceResult | undefined>;
  /**
   * Hangs up. Deliveries that are still held are released; the sender gets its memory back.
   * Calling it again is harmless.
   */
  close(): Promise<void>;
  /**
   * Has this receiver keep its process alive until it is closed or has seen the end, as it does unless
   * told otherwise.
   */
  ref(): this;
  /**
   * Lets the process end although this receiver is open; also while calls of it wait, as with a socket of
   * `node:net`.
   */
  unref(): this;
  /** Counters since the receiver was created. */
  stats(): ReceiverStats;
}
