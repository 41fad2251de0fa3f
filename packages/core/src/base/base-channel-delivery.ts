import { EXCHANGE, exchangeKind, exchangeNumber } from '../channel/exchange.js';
import { isUnsent } from '../channel/unsent.js';
import type { Channel, ChannelDelivery, Payload } from '../contract/channel.js';
import type { Loan, SendOptions, SendOutcome } from '../contract/sender.js';
import type { WaitOptions } from '../contract/transport.js';
import { PageferryError } from '../errors.js';
import { BaseDelivery, type DeliveryOwner } from './base-delivery.js';
import type { Batch } from './drop-reports.js';
import type { InboundMessage } from './hooks.js';

/** What a delivery asks of the channel it came over. Implemented by `BaseChannel`. */
export interface DeliveryChannel extends Channel {
  /** An answer to a question of this side, or why there is none, has come: the channel owns it. */
  takeAnswer(delivery: BaseDelivery<InboundMessage>): void;
  /** As {@link sendAnswer}, if the answer is accepted at once; `undefined` if not. @throws as `Loan.trySend`. */
  answerAtOnce(number: number, answer: Payload): Promise<SendOutcome> | undefined;
  /** Sends the answer to the question with a number, as `Loan.trySend`. */
  tryAnswerWith(number: number, answer: Loan): SendOutcome;
  /** Sends the answer to the question with a number, as `Loan.send`. */
  sendAnswer(number: number, answer: Payload, options?: SendOptions): Promise<SendOutcome>;
  /** Sends the error that answers a question. */
  sendFailure(number: number, error: unknown, options?: WaitOptions): Promise<SendOutcome>;
  /** Nobody holds a delivery any more. Must not throw. */
  deliveryReleased(): void;
  /** The question was moved on to a descriptor, which is its answer. Must not throw. */
  acknowledge(number: number): void;
  /** The question was released, and is not answered. Must not throw. */
  leaveUnanswered(number: number): void;
}

/** The one implementation of {@link ChannelDelivery}. */
export class BaseChannelDelivery<M extends InboundMessage>
  extends BaseDelivery<M>
  implements ChannelDelivery
{
  readonly channel: DeliveryChannel;
  /** The number of the question; 0 if it is none, or was answered. */
  #number: number;
  readonly isRequest: boolean;

  constructor(
    channel: DeliveryChannel,
    owner: DeliveryOwner<M>,
    message: M,
    byteLength: number,
    batch: Batch,
  ) {
    super(owner, message, byteLength, batch);
    const { exchange = 0 } = message;
    this.channel = channel;
    this.isRequest = exchangeKind(exchange) === EXCHANGE.request;
    this.#number = this.isRequest ? exchangeNumber(exchange) : 0;
  }

  respond(answer: Payload, options?: SendOptions): Promise<SendOutcome> {
    if (options === undefined && this.#number !== 0 && this.held) {
      // The usual case without a detour. What throws here was not sent.
      try {
        const outcome = this.channel.answerAtOnce(this.#number, answer);
        if (outcome !== undefined) {
          this.#number = 0;
          return outcome;
        }
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#answer((number) => this.channel.sendAnswer(number, answer, options));
  }

  reject(error: unknown, options?: WaitOptions): Promise<SendOutcome> {
    return this.#answer((number) => this.channel.sendFailure(number, error, options));
  }

  tryRespond(answer: Loan): SendOutcome {
    const number = this.#openNumber();
    const outcome = this.channel.tryAnswerWith(number, answer);
    if (outcome === 'sent') this.#number = 0;
    return outcome;
  }

  override release(): void {
    if (!this.held) return;
    super.release();
    if (this.held) return;
    const number = this.#number;
    this.#number = 0;
    if (number !== 0) this.channel.leaveUnanswered(number);
    this.channel.deliveryReleased();
  }

  async #answer(send: (number: number) => Promise<SendOutcome>): Promise<SendOutcome> {
    const number = this.#takeNumber();
    try {
      return await send(number);
    } catch (error) {
      // Only what is known not to have gone out may be answered again.
      if (isUnsent(error)) {
        if (this.held) this.#number = number;
        else this.channel.leaveUnanswered(number);
      }
      throw error;
    }
  }

  /** Nobody else answers from now on: a second answer must not go out while the first one waits for room. */
  #takeNumber(): number {
    const number = this.#openNumber();
    this.#number = 0;
    return number;
  }

  /** The number of the question, which is still to be answered. */
  #openNumber(): number {
    this.checkHeld();
    if (!this.isRequest) {
      throw new PageferryError('NOT_A_REQUEST', 'this message asks for no answer');
    }
    const number = this.#number;
    if (number === 0) {
      throw new PageferryError('ALREADY_ANSWERED', 'this request was answered before');
    }
    return number;
  }
}
