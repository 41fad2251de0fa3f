import type { AnyChannel, AnyChannelOptions } from './any-channel.js';
import type { AttachedDescriptor } from './descriptors.js';
import type { ChannelHistograms } from './histograms.js';
import type {
  Delivery,
  MessageInfo,
  ReceiverStats,
  SpliceDestination,
  SpliceOptions,
  SpliceResult,
} from './receiver.js';
import type {
  Loan,
  SendDescriptorsOptions,
  SenderStats,
  SendOptions,
  SendOutcome,
} from './sender.js';
import type { PeerCredentials, WaitOptions } from './transport.js';

/** What a message can be made of: a loan of this side of the channel, or bytes, which are copied into one. */
export type Payload = Loan | ArrayBufferView | readonly ArrayBufferView[];

/**
 * A message that came over a channel. It may be a question: then whoever receives it owes an answer.
 *
 * @example
 * for await (using message of channel) {
 *   if (message.isRequest) await message.respond(answerTo(message.bytes));
 * }
 */
export interface ChannelDelivery extends Delivery {
  /** The channel that it came over: where many send to one, this tells who. */
  readonly channel: Channel;
  /** True for a question of the other side's ({@link Channel.request}). */
  readonly isRequest: boolean;
  /**
   * Answers the question. Before it is released: a question that is released without an answer fails at the other
   * side with `REQUEST_UNANSWERED`. The answer is a message as any other: it waits for room, and `'no-receiver'`
   * says that the one who has asked is gone. Then a loan stays the caller's.
   *
   * @throws `NOT_A_REQUEST`, `ALREADY_ANSWERED`, `DELIVERY_RELEASED`, and as `Channel.send` or `Loan.send`.
   *   After an `ABORTED` or a `TIMEOUT` before the answer was accepted it may be answered again.
   */
  respond(answer: Payload, options?: SendOptions): Promise<SendOutcome>;
  /**
   * Answers with an error: the other side's `request` rejects with `REQUEST_FAILED`, whose `cause` has the name, the
   * message and, where it is a string, the `code` of this one. Nothing else of it travels.
   *
   * @throws as {@link respond}.
   */
  reject(error: unknown, options?: WaitOptions): Promise<SendOutcome>;
  /**
   * As {@link respond} without waiting, for a program that polls. After any outcome but `'sent'` the loan is still
   * yours, and the question may be answered again.
   *
   * @throws as {@link respond}.
   */
  tryRespond(answer: Loan): SendOutcome;
}

/** A question that was asked with {@link Channel.tryRequest}, and whose answer the program fetches itself. */
export interface PendingRequest {
  /**
   * The answer, if it is here by now: a delivery, to be released. The same one each time. Messages that come before
   * it are kept for `receive`.
   *
   * @throws as {@link Channel.request}; the same error each time.
   */
  tryAnswer(): Delivery | undefined;
  /**
   * Waits for the answer, for a program that has polled long enough. After an `ABORTED` or a `TIMEOUT` the question
   * is as it was: it may be waited for again, or given up.
   *
   * @throws as {@link Channel.request}.
   */
  answer(options?: WaitOptions): Promise<Delivery>;
  /** Nobody wants the answer any more: it is released when it comes. One that has come stays the caller's. */
  abandon(): void;
}

/** Counters of both directions of a channel, by the names that they have at a sender and a receiver. A snapshot. */
export interface ChannelStats
  extends Omit<SenderStats, 'connectionsFailed' | 'connectionFailure' | 'histograms'>,
    Omit<ReceiverStats, 'histograms'> {
  /**
   * Questions of this side that were not answered: also those that were given up, until their answer has come, or
   * can come no more.
   */
  readonly requestsOpen: number;
  /** Memory of either side that both map: see `SenderStats.sharedBytes`. */
  readonly sharedBytes: number;
  /** Absent unless the option `histograms` is true. */
  readonly histograms?: ChannelHistograms | undefined;
}

/**
 * Counters of all channels of a listener together, also of those that are closed by now. A snapshot. The pool, which the
 * channels share, is counted once.
 */
export interface ListenerStats extends Omit<ChannelStats, 'method' | 'methodReason'> {
  /** Channels that there are now. */
  readonly channelsOpen: number;
}

/**
 * One connection between two sides, over which both send and receive. Each direction keeps all rules of
 * {@link Sender} and {@link Receiver}: one owner of every byte, order, back-pressure, outcomes as values. Disposable
 * with `await using`.
 */
export interface Channel extends AsyncDisposable, AsyncIterable<ChannelDelivery> {
  /** Who is at the other end, where the platform can tell. */
  readonly peer: PeerCredentials | undefined;
  /** True once `close` or `destroy` was called. */
  readonly closed: boolean;
  /** True once a call has found the orderly end of what the other side sends. See `Receiver.ended`. */
  readonly ended: boolean;
  /** True once this side sends no more: after {@link finish}, or once it is closed. */
  readonly finished: boolean;

  /** As `Sender.loan`, from this side's pool. */
  loan(byteLength: number, options?: WaitOptions): Promise<Loan>;
  /** As `Sender.tryLoan`. */
  tryLoan(byteLength: number): Loan | undefined;
  /** As `Sender.send`; `'no-receiver'` says that the other side is gone. */
  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome>;
  /** As `Sender.sendDescriptors`. */
  sendDescriptors(
    descriptors: readonly AttachedDescriptor[],
    options?: SendDescriptorsOptions,
  ): Promise<SendOutcome>;
  /** As `Sender.sendMany`. */
  sendMany(loans: readonly Loan[], options?: WaitOptions): Promise<SendOutcome>;
  /** As `Sender.flush`. */
  flush(options?: WaitOptions): Promise<void>;
  /**
   * The orderly end of what this side sends: lets leave what was sent, and tells the other side that this was all.
   * It may still send, and be received. Questions of this side are still answered. But this side can neither ask nor
   * answer any more: `respond` is `CLOSED`, and what the other side asks fails there with `REQUEST_UNANSWERED`. So
   * answer first.
   *
   * An abort or a time-out turns it into {@link destroy}, as with `Sender.close`.
   */
  finish(options?: WaitOptions): Promise<void>;

  /**
   * Asks a question, and resolves to its answer: a delivery, to be released. Any number may be asked at once, and
   * the other side answers them in any order. Messages that come before the answer are kept for `receive`.
   *
   * After an abort or a time-out the answer is released when it comes. The loan of a question that was not
   * accepted stays the caller's; `owned` tells.
   *
   * @throws `PEER_DIED` if the other side is gone, or dies before it answers; `REQUEST_FAILED` with what the other
   *   side has rejected it with as its `cause`; `REQUEST_UNANSWERED` if it releases the question without an answer,
   *   or ends in good order before it has answered; `CLOSED`, `ABORTED`, `TIMEOUT`, and as `send` and `receive`.
   */
  request(question: Payload, options?: SendOptions): Promise<Delivery>;
  /**
   * As {@link request} without waiting, for a program that polls: a promise for each answer costs more than a short
   * question itself.
   *
   * @returns `undefined` if there is no room for the question now, or other calls of this side wait to send. Then the
   *   loan is still yours.
   * @throws as {@link request}, and as `Loan.trySend`.
   * @example
   * const pending = channel.tryRequest(question);
   * let answer = pending?.tryAnswer();
   * while (answer === undefined) answer = pending?.tryAnswer();
   */
  tryRequest(question: Loan): PendingRequest | undefined;

  /** As `Receiver.receive`. */
  receive(options?: WaitOptions): Promise<ChannelDelivery | undefined>;
  /** As `Receiver.tryReceive`. */
  tryReceive(): ChannelDelivery | undefined;
  /** As `Receiver.peek`. */
  peek(): MessageInfo | undefined;
  /** As `Receiver.receiveMany`. */
  receiveMany(max: number, options?: WaitOptions): Promise<readonly ChannelDelivery[]>;
  /** As `Receiver.releaseMany`. */
  releaseMany(deliveries: readonly Delivery[]): void;
  /**
   * As `Receiver.spliceTo`. The next message may be a question: it is answered with no bytes once it was moved
   * on whole.
   */
  spliceTo(
    destination: SpliceDestination,
    options?: SpliceOptions,
  ): Promise<SpliceResult | undefined>;

  /**
   * Orderly end of both directions: as {@link finish}, then hangs up. The other side drains what is under way to it,
   * and then sees the end. Questions that are open here reject with `CLOSED`; what was not received is given up.
   */
  close(options?: WaitOptions): Promise<void>;
  /** Ends at once. The other side sees `PEER_DIED`. */
  destroy(): Promise<void>;
  /** As `Sender.ref`. */
  ref(): this;
  /** As `Sender.unref`. */
  unref(): this;
  /** A snapshot of the counters of both directions. They never go down. */
  stats(): ChannelStats;
}

/** What {@link Listener.on} tells of. */
export type ChannelEvent = 'join' | 'leave';

/**
 * Where channels begin: other processes `connect` to its endpoint. Disposable with `await using`, which closes all its
 * channels. Iterated, it yields the messages of all channels, as {@link receive} does.
 *
 * @example
 * for await (using message of listener) await message.respond(answerTo(message.bytes));
 */
export interface Listener extends AsyncDisposable, AsyncIterable<ChannelDelivery> {
  /** Where others find this listener. */
  readonly endpoint: string;
  /** The channels that are open, in the order in which they came. */
  readonly channels: readonly Channel[];
  /** True once it was closed or destroyed. */
  readonly closed: boolean;
  /**
   * Waits for a channel that was not accepted yet. Whoever accepts it closes it. Whoever only uses {@link receive} and
   * {@link anyChannel} need not accept any.
   *
   * @throws `CLOSED`, `ABORTED`, `TIMEOUT`, and `PEER_DIED` if nobody can come any more (`fd:N`).
   */
  accept(options?: WaitOptions): Promise<Channel>;
  /**
   * Waits until at least `count` channels are open, be they accepted or not.
   *
   * @param count Default: 1.
   * @throws `INVALID_ARGUMENT`, and as {@link accept}.
   */
  waitForChannels(count?: number, options?: WaitOptions): Promise<void>;
  /**
   * Waits for the next message of any channel; `delivery.channel` tells which. Each channel has its turn: one that
   * sends and sends does not keep the others waiting. A channel that ends, or whose peer dies, is no error here, but
   * told by `'leave'`; one that nobody has accepted is closed then.
   *
   * Resolves to `undefined` once no message can come any more: with an inherited endpoint, whose only peer has left.
   *
   * @throws `CLOSED`, `ABORTED`, `TIMEOUT`.
   */
  receive(options?: WaitOptions): Promise<ChannelDelivery | undefined>;
  /** The next message of any channel, if one is here. */
  tryReceive(): ChannelDelivery | undefined;
  /**
   * All channels, also those that join later, as one: whatever is sent goes to the one with the least to do.
   *
   * @throws `INVALID_ARGUMENT`, `CLOSED`.
   */
  anyChannel(options?: AnyChannelOptions): AnyChannel;
  /**
   * Has `listener` called for each channel that joins, and for each that leaves: that was closed here, or whose peer
   * is gone and everything from it was received. Called soon after, not in the middle of another call; what it throws is an uncaught exception.
   *
   * @param listener gets the channel; of one that leaves because of an error, also that.
   */
  on(event: ChannelEvent, listener: (channel: Channel, reason?: unknown) => void): this;
  /** Takes back what {@link on} said. */
  off(event: ChannelEvent, listener: (channel: Channel, reason?: unknown) => void): this;
  /** Orderly end: nobody can come any more, and all channels are closed as by `Channel.close`. */
  close(options?: WaitOptions): Promise<void>;
  /** Ends at once, and all channels with it. */
  destroy(): Promise<void>;
  /** As `Sender.ref`: for itself and all its channels. */
  ref(): this;
  /** As `Sender.unref`: for itself and all its channels. */
  unref(): this;
  /** Counters since the listener was made. */
  stats(): ListenerStats;
}
