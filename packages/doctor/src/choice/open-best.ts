import {
  noSenderAt,
  type Receiver,
  type ReceiverOptions,
  type Sender,
  type SenderOptions,
} from '@pageferry/core';
import { MESSAGES } from '../backends/use.js';
import { type ChoiceOptions, chooseTransport, type TransportChoice } from './choose-transport.js';
import { type Follower, follow } from './follow.js';

/** A sender over the transport that was chosen. */
export interface BestSender extends TransportChoice {
  /** The caller's to close. */
  readonly sender: Sender;
}

/** A receiver over the transport that its sender uses. */
export interface BestReceiver extends TransportChoice {
  /** The caller's to close. */
  readonly receiver: Receiver;
}

/**
 * Opens a sender over the transport that {@link chooseTransport} chooses.
 *
 * @example
 * const { sender, name } = await openBestSender({ endpoint: '/run/user/1000/ferry.sock' });
 *
 * @throws as `chooseTransport` and `Transport.createSender`.
 */
export async function openBestSender({
  prefer,
  warn,
  ...options
}: SenderOptions & ChoiceOptions): Promise<BestSender> {
  const choice = await chooseTransport({ prefer, warn });
  return { ...choice, sender: await choice.transport.createSender(options) };
}

const RECEIVER: Follower<ReceiverOptions, Receiver> = {
  use: MESSAGES,
  open: (transport, options) => transport.createReceiver(options),
  chooser: 'sender',
  nobodyAt: noSenderAt,
};

/**
 * Opens a receiver over whatever transport the sender at the endpoint uses. The sender chooses, by
 * {@link openBestSender} or by name: the receiver knocks with each installed backend in turn until one
 * is answered. Waits for the sender to appear, so the two may start in either order.
 *
 * @throws as `Transport.createReceiver`: `NOT_PAGEFERRY` if no backend is answered, and
 *   `TRANSPORT_MISMATCH` if the sender names one that is not installed here.
 */
export async function openBestReceiver({
  prefer,
  warn,
  ...options
}: ReceiverOptions & ChoiceOptions): Promise<BestReceiver> {
  const { opened, ...choice } = await follow(RECEIVER, { prefer, warn }, options);
  return { ...choice, receiver: opened };
}
