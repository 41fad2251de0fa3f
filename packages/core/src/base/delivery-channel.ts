import type { Channel, Payload } from '../contract/channel.js';
import type { Loan, SendOptions, SendOutcome } from '../contract/sender.js';
import type { WaitOptions } from '../contract/transport.js';
import type { BaseDelivery } from './base-delivery.js';
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
