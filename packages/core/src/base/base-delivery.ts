import { EXCHANGE, exchangeKind, exchangeNumber, exchangeWord } from '../channel/exchange.js';
import { isUnsent } from '../channel/unsent.js';
import { checkArrayOf, checkInteger } from '../checks.js';
import type { Bytes, OwnBuffer } from '../contract/bytes.js';
import type { ChannelDelivery, Payload } from '../contract/channel.js';
import type { ReceivedDescriptor } from '../contract/descriptors.js';
import type { Delivery } from '../contract/receiver.js';
import type { Loan, SendOptions, SendOutcome } from '../contract/sender.js';
import type { SharedDelivery } from '../contract/threads.js';
import type { WaitOptions } from '../contract/transport.js';
import { dispose } from '../dispose.js';
import { PageferryError } from '../errors.js';
import { toldToCaller } from '../waiting/told-to-caller.js';
import type { DeliveryChannel } from './delivery-channel.js';
import { bytesDetached } from './detached.js';
import type { Batch } from './drop-reports.js';
import type { InboundMessage } from './hooks.js';

/** What a delivery asks of the receiver it came from. Implemented by `BaseReceiver`. */
export interface DeliveryOwner<M extends InboundMessage> {
  /** True once its deliveries have no bytes any more. */
  readonly closed: boolean;
  /** The channel whose half it is. Not there for a receiver without a channel: its deliveries ask nothing. */
  readonly joinedChannel?: DeliveryChannel | undefined;
  /** See `Delivery.untilCollected`. Nothing is left to the collector by who has none. */
  leaveToCollector?(delivery: BaseDelivery<M>): Bytes | undefined;
  /** See `Delivery.forThreads`. Nothing is shown to other threads by who has none. */
  shareWithThreads?(delivery: BaseDelivery<M>, threads: number): SharedDelivery | undefined;
  /** Takes the memory back. Called once for each delivery. */
  releaseDelivery(delivery: BaseDelivery<M>): void;
}

/** A question that is not open any more. No message has such a word: theirs are not negative. */
const ANSWERED = exchangeWord(EXCHANGE.request, -1);

/** What is counted in 32 bits. */
const MAX_THREADS = 2 ** 31 - 1;

/**
 * The one implementation of {@link Delivery} and of {@link ChannelDelivery}: it knows who owns the memory, and nothing
 * of transports. Not two classes: a constructor that calls another one is a call that V8 does not inline, and costs each
 * message more than all the rest of the object.
 */
export class BaseDelivery<M extends InboundMessage> implements ChannelDelivery {
  readonly #owner: DeliveryOwner<M>;
  /** How often it is still to be released. */
  #holds = 1;
  /**
   * Which question it asks, or answers; see `exchange.ts`. {@link ANSWERED} for a question that is answered, or given up.
   * Its own, because the message may be another one once it was given back.
   */
  #exchange: number;
  readonly #batch: Batch;
  /** The backend's message behind the delivery. For `BaseReceiver` and backends only. */
  readonly message: M;
  readonly byteLength: number;
  readonly sequence: number;

  /**
   * @param byteLength of `message.bytes`: asking the array costs each message a call.
   * @param batch from the owner's `DropReports`.
   */
  constructor(owner: DeliveryOwner<M>, message: M, byteLength: number, batch: Batch) {
    this.#owner = owner;
    this.#batch = batch;
    this.message = message;
    this.byteLength = byteLength;
    this.sequence = message.sequence;
    this.#exchange = message.exchange ?? 0;
  }

  /** Whether it came from this receiver. For `BaseReceiver` only. */
  isOf(owner: DeliveryOwner<M>): boolean {
    return this.#owner === owner;
  }

  /** Only what came over a channel has one: no program is shown others as a {@link ChannelDelivery}. */
  get channel(): DeliveryChannel {
    return this.#owner.joinedChannel as DeliveryChannel;
  }

  get isRequest(): boolean {
    return exchangeKind(this.#exchange) === EXCHANGE.request;
  }

  get bytes(): Bytes {
    this.#checkHeld();
    const { bytes } = this.message;
    if (bytes.length !== this.byteLength) throw bytesDetached('delivery');
    return bytes;
  }

  get tag(): number {
    return this.message.tag;
  }

  get offset(): number {
    // What had moved on by then: the message may be another one now, of which more has.
    return this.message.byteLength - this.byteLength;
  }

  get descriptors(): number {
    return this.message.descriptorCount ?? 0;
  }

  takeDescriptors(): readonly ReceivedDescriptor[] {
    this.#checkHeld();
    return this.message.takeDescriptors?.() ?? [];
  }

  get released(): boolean {
    return this.#holds === 0 || this.#owner.closed;
  }

  copy(): OwnBuffer {
    return Buffer.from(this.bytes);
  }

  retain(): this {
    this.#checkHeld();
    this.#holds++;
    return this;
  }

  untilCollected(): Bytes | undefined {
    this.#checkHeld();
    return this.#owner.leaveToCollector?.(this);
  }

  forThreads(threads = 1): SharedDelivery {
    checkInteger('threads', threads, 1, MAX_THREADS);
    this.#checkHeld();
    const shared = this.#owner.shareWithThreads?.(this, threads);
    if (shared !== undefined) return shared;
    throw new PageferryError(
      'NOT_SUPPORTED',
      'this receiver shares nothing with other threads: create it with sharedToThreads: true, which shared-mmap has',
    );
  }

  respond(answer: Payload, options?: SendOptions): Promise<SendOutcome> {
    let number = 0;
    try {
      number = this.#beginAnswer();
      // The usual case without a detour. What throws here was not sent.
      const outcome = options === undefined ? this.channel.answerAtOnce(number, answer) : undefined;
      if (outcome !== undefined) return outcome;
    } catch (error) {
      if (number !== 0) this.#notAnswered(number);
      return Promise.reject(toldToCaller(error, undefined, this.respond));
    }
    return this.#answer(number, this.channel.sendAnswer(number, answer, options));
  }

  async reject(error: unknown, options?: WaitOptions): Promise<SendOutcome> {
    const number = this.#beginAnswer();
    return this.#answer(number, this.channel.sendFailure(number, error, options));
  }

  tryRespond(answer: Loan): SendOutcome {
    const outcome = this.channel.tryAnswerWith(this.#openNumber(), answer);
    if (outcome === 'sent') this.#exchange = ANSWERED;
    return outcome;
  }

  release(): void {
    if (this.#holds === 0 || --this.#holds > 0) return;
    this.#batch.giveBack(this.byteLength);
    this.#owner.releaseDelivery(this);
    const { joinedChannel: channel } = this.#owner;
    if (channel === undefined) return;
    const number = this.#number();
    if (number !== 0) {
      this.#exchange = ANSWERED;
      channel.leaveUnanswered(number);
    }
    channel.deliveryReleased();
  }

  [dispose](): void {
    this.release();
  }

  /** Nobody else answers from now on: a second answer must not go out while the first one waits, or is laid out. */
  #beginAnswer(): number {
    const number = this.#openNumber();
    this.#exchange = ANSWERED;
    return number;
  }

  async #answer(number: number, sending: Promise<SendOutcome>): Promise<SendOutcome> {
    try {
      return await sending;
    } catch (error) {
      // Only what is known not to have gone out may be answered again.
      if (isUnsent(error)) this.#notAnswered(number);
      throw error;
    }
  }

  #notAnswered(number: number): void {
    if (this.#holds > 0) this.#exchange = exchangeWord(EXCHANGE.request, number) >>> 0;
    else this.channel.leaveUnanswered(number);
  }

  /** The number of the question that it asks, which is still to be answered. */
  #openNumber(): number {
    this.#checkHeld();
    if (!this.isRequest) {
      throw new PageferryError('NOT_A_REQUEST', 'this message asks for no answer');
    }
    if (this.#exchange === ANSWERED) {
      throw new PageferryError('ALREADY_ANSWERED', 'this request was answered before');
    }
    return this.#number();
  }

  // No getter: V8 calls its runtime for one that is private.
  /** The number of the question that it asks; 0 if it asks none, or that is answered. */
  #number(): number {
    return this.isRequest && this.#exchange !== ANSWERED ? exchangeNumber(this.#exchange) : 0;
  }

  /** @throws `DELIVERY_RELEASED`. */
  #checkHeld(): void {
    if (!this.released) return;
    throw new PageferryError(
      'DELIVERY_RELEASED',
      'this delivery was released: its memory may hold another message by now',
    );
  }
}

/**
 * Passes the deliveries of a receiver.
 *
 * @throws `INVALID_ARGUMENT` for anything else.
 */
export function checkDeliveries<M extends InboundMessage>(
  deliveries: readonly Delivery[],
  owner: DeliveryOwner<M>,
): readonly BaseDelivery<M>[] {
  const isOwn = (delivery: unknown): delivery is BaseDelivery<M> =>
    delivery instanceof BaseDelivery && delivery.isOf(owner);
  return checkArrayOf('deliveries', deliveries, 'an array of deliveries of this receiver', isOwn);
}
