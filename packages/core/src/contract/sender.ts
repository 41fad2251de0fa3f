import type { Bytes } from './bytes.js';
import type { AttachedDescriptor } from './descriptors.js';
import type { SenderHistograms } from './histograms.js';
import type { PeerCredentials, WaitOptions } from './transport.js';

/**
 * What became of a message. Expected outcomes are values:
 *
 * - `sent`: every connected receiver will see the message unless it or this process dies, or its
 *   connection breaks. The loan is no longer yours, whatever happens afterwards.
 * - `full`: a receiver is behind and there is no room now (only from `trySend`). The loan is still
 *   yours.
 * - `no-receiver`: nobody is connected. The loan is still yours; see `waitForReceivers`.
 */
export type SendOutcome = 'sent' | 'full' | 'no-receiver';

/** One connected receiver, as its sender sees it. A snapshot: it does not change afterwards. */
export interface ReceiverInfo {
  /** Number of the connection, unique for the life of the sender. */
  readonly id: number;
  /** Who the receiver is, where the platform can tell. */
  readonly credentials?: PeerCredentials | undefined;
  /** Messages sent to this receiver that it has not given back yet. */
  readonly messagesBehind: number;
  /** Bytes of those messages. */
  readonly bytesBehind: number;
}

/** Counters of a sender since it was created. A snapshot. */
export interface SenderStats {
  /** Messages for which `sent` was the outcome. */
  readonly messagesSent: number;
  /** Payload bytes of those messages, counted once however many receivers got them. */
  readonly bytesSent: number;
  /** Loans that are in the caller's hands now. */
  readonly loansHeld: number;
  /** Bytes that are out: in the caller's hands or not yet given back by a receiver. */
  readonly bytesOut: number;
  /**
   * Payload memory that this sender maps and other processes map, too, in bytes: so much of what RSS says, at most,
   * is counted in more than one process. 0 where a transport shares no memory.
   */
  readonly sharedBytes: number;
  /** Absent unless the option `histograms` is true. */
  readonly histograms?: SenderHistograms | undefined;
  /** How payload leaves this process: for example `vmsplice`, or `write` where that is refused. */
  readonly method: string;
  /** Why the method is not the transport's best one. Absent when it is. */
  readonly methodReason?: string | undefined;
  /**
   * Connections that ended because a system call of this process failed after it had accepted a
   * message. Their receivers see `PEER_REJECTED`, or `PEER_DIED` where a transport cannot
   * tell them that the sender lives; the others go on.
   */
  readonly connectionsFailed: number;
  /** What ended the last of them, mostly `SYSTEM_CALL_FAILED`. Absent if there was none. */
  readonly connectionFailure?: unknown;
}

/**
 * Memory of the sender, lent to the caller to write one message into.
 *
 * Ownership: the caller owns `bytes` until `send` has the outcome `sent`, or until `release`. From
 * then on the memory belongs to the kernel and the receivers, and to the sender again when the last
 * receiver has given it back. A loan releases itself at the end of a `using` block.
 */
export interface Loan extends Disposable {
  /**
   * The memory to write into; page-aligned where the transport deals in pages. Its content is
   * undefined at first. Empty once an attempt to send has sealed the message, though it was not accepted.
   *
   * @throws `LOAN_NOT_OWNED` after the loan was sent or released, `CLOSED` after the sender closed,
   *   `BYTES_DETACHED` if another API has taken the memory over: release the loan then.
   */
  readonly bytes: Bytes;
  /** Length of the message in bytes. Readable in every state. */
  readonly byteLength: number;
  /** True while the caller owns the memory. */
  readonly owned: boolean;
  /**
   * A number of the caller's that travels beside the bytes, and costs nothing: what kind of message this is,
   * or which question it answers. An integer from 0 to 2^32 - 1; 0 unless it is set.
   *
   * @throws `INVALID_ARGUMENT` when it is set to anything else.
   */
  tag: number;
  /**
   * Makes the message shorter before it is sent, for example after a short read.
   *
   * @param byteLength from 0 to the present length, in bytes.
   * @throws `INVALID_ARGUMENT`, `LOAN_NOT_OWNED`, `BYTES_DETACHED`.
   */
  truncate(byteLength: number): void;
  /**
   * Has a descriptor travel with the message: a file, a socket that listens, a DMA-BUF. It is duplicated at once: the
   * caller's stays the caller's, and may be closed as soon as this returns. Each receiver gets a duplicate of its own
   * of the same open file, behind those that were attached before. What is not sent is closed with the loan.
   *
   * @returns the loan itself.
   * @throws `NOT_SUPPORTED` where the transport passes none (`maxDescriptors`); `INVALID_ARGUMENT` for what is no
   *   descriptor, and for one more than `maxDescriptors`; `SYSTEM_CALL_FAILED` (`EBADF`, `EMFILE`); `LOAN_NOT_OWNED`,
   *   `CLOSED`, `BYTES_DETACHED`. The loan is as it was.
   */
  attach(descriptor: AttachedDescriptor): this;
  /**
   * Sends the message to every connected receiver and waits until it has left: until the memory of
   * each connection has taken its last byte. This is where back-pressure is felt.
   *
   * An abort before the message is accepted leaves the loan with the caller; a later one leaves the
   * message under way, and it still arrives. `owned` tells which.
   *
   * @throws `LOAN_NOT_OWNED`, `CLOSED`, `BYTES_DETACHED`, `ABORTED`, `TIMEOUT`, `SYSTEM_CALL_FAILED`, and `NOT_SUPPORTED`
   *   if descriptors are attached and some receiver takes none: the loan is still the caller's.
   */
  send(options?: WaitOptions): Promise<SendOutcome>;
  /**
   * Sends the message if it can be accepted at once; it then leaves in the background.
   *
   * @throws `LOAN_NOT_OWNED`, `CLOSED`, `BYTES_DETACHED`, `SYSTEM_CALL_FAILED`, `NOT_SUPPORTED`, as {@link send}.
   */
  trySend(): SendOutcome;
  /** Gives the memory back unsent. Does nothing if the loan is no longer owned. */
  release(): void;
}

/** Options of {@link Sender.send}. */
export interface SendOptions extends WaitOptions {
  /** See {@link Loan.tag}. Default: 0. */
  readonly tag?: number | undefined;
}

/** Options of {@link Sender.sendDescriptors}. */
export interface SendDescriptorsOptions extends SendOptions {
  /** The bytes of the message. Default: none. */
  readonly bytes?: ArrayBufferView | undefined;
}

/** What {@link Sender.on} tells of. */
export type ReceiverEvent = 'join' | 'leave';

/** The sending side of a transport. Disposable with `await using`. */
export interface Sender extends AsyncDisposable {
  /** Where receivers find this sender. */
  readonly endpoint: string;
  /** Who is connected now, and who is behind by how much. */
  readonly receivers: readonly ReceiverInfo[];
  /** True once `close` or `destroy` was called. */
  readonly closed: boolean;
  /**
   * Lends memory for one message. Waits while the pool is lent out.
   *
   * @param byteLength from 0 to the transport's `maxMessageBytes`.
   * @throws `INVALID_ARGUMENT`, `MESSAGE_TOO_LARGE`, `CLOSED`, `ABORTED`, `TIMEOUT`,
   *   `SYSTEM_CALL_FAILED` (`mmap`, when memory is short).
   */
  loan(byteLength: number, options?: WaitOptions): Promise<Loan>;
  /** As {@link loan}, or `undefined` where `loan` would wait. */
  tryLoan(byteLength: number): Loan | undefined;
  /**
   * Copies `bytes` into a loan and sends it; of an array, one after the other, as one message. Convenient, and
   * one copy dearer than a loan. A time limit holds for all of it. After an abort or a time-out there is no telling whether the message was
   * accepted; use a loan, whose `owned` tells, where that matters.
   *
   * @throws as `loan` and `Loan.send`; `BYTES_DETACHED` also if the bytes are not there any more, or their memory becomes
   *   shorter while the call waits. Nothing was sent then.
   */
  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome>;
  /**
   * Sends one message with these descriptors, in this order. They are duplicated before this returns, and stay the
   * caller's; see {@link Loan.attach}.
   *
   * @throws as {@link Loan.attach} and {@link send}.
   * @example
   * await channel.sendDescriptors([file.fd], { bytes: Buffer.from('notes.txt') });
   */
  sendDescriptors(
    descriptors: readonly AttachedDescriptor[],
    options?: SendDescriptorsOptions,
  ): Promise<SendOutcome>;
  /**
   * Sends the messages of several loans, in this order, as {@link Loan.send} would one after the other. Where
   * the transport can, receivers are told of as many at once as can be accepted, which costs less.
   *
   * Resolves to `'no-receiver'` at the first one that nobody was there for; that one and those after it stay
   * with the caller. After an abort, a time-out or an error, `owned` tells of each whether it was accepted.
   *
   * @param loans of this sender. Of none there is nothing to wait for: `'sent'`.
   * @throws `INVALID_ARGUMENT` for anything but an array of this sender's loans, `LOAN_NOT_OWNED` if one of them
   *   is not owned, or is there twice, both before anything is sent; and as `Loan.send`.
   */
  sendMany(loans: readonly Loan[], options?: WaitOptions): Promise<SendOutcome>;
  /**
   * Waits until at least `count` receivers are connected.
   *
   * @param count at most `maxReceivers`; 1 with an inherited endpoint. Default: 1.
   * @throws `INVALID_ARGUMENT`, `CLOSED`, `ABORTED`, `TIMEOUT`, `PEER_DIED` if the process at the other
   *   end of an inherited endpoint (`fd:N`) is gone: nobody else can come.
   */
  waitForReceivers(count?: number, options?: WaitOptions): Promise<void>;
  /**
   * Waits until every connected receiver is done with everything that was sent.
   *
   * @throws `CLOSED`, `ABORTED`, `TIMEOUT`.
   */
  flush(options?: WaitOptions): Promise<void>;
  /**
   * Orderly end: takes no more loans, lets what was sent leave, tells every receiver that this was
   * all, and gives back the endpoint and all memory. Receivers drain what is under way and then see
   * the end. Loans that are still in the caller's hands are released, and calls that still wait for a
   * loan or to be accepted reject with `CLOSED`. Calling it again is harmless.
   *
   * An abort or time-out turns it into {@link destroy} and is then thrown.
   */
  close(options?: WaitOptions): Promise<void>;
  /** Ends at once, without waiting for anybody. Receivers see `PEER_DIED`. */
  destroy(): Promise<void>;
  /** Has this sender keep its process alive until it is closed, as it does unless told otherwise. */
  ref(): this;
  /**
   * Lets the process end although this sender is open; also while calls of it wait, as with a socket of
   * `node:net`.
   */
  unref(): this;
  /**
   * Has `listener` called for each receiver that joins, and for each that leaves, however it does. It is called
   * soon after, not in the middle of another call; what it throws is an uncaught exception. Receivers that
   * are there when the sender closes do not leave.
   *
   * @param listener gets who it is; of one that leaves, `messagesBehind` are those that it had not given back.
   */
  on(event: ReceiverEvent, listener: (receiver: ReceiverInfo) => void): this;
  /** Takes back what {@link on} said. */
  off(event: ReceiverEvent, listener: (receiver: ReceiverInfo) => void): this;
  /** Counters since the sender was created. */
  stats(): SenderStats;
}
