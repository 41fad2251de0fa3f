import {
  type Channel,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  nobodyListensAt,
} from '@pageferry/core';
import { CHANNELS } from '../backends/use.js';
import { type ChoiceOptions, chooseFor, type TransportChoice } from './choose-transport.js';
import { type Follower, follow } from './follow.js';

/** A listener over the transport that was chosen. */
export interface BestListener extends TransportChoice {
  /** The caller's to close. */
  readonly listener: Listener;
}

/** A channel over the transport that its listener uses. */
export interface BestChannel extends TransportChoice {
  /** The caller's to close. */
  readonly channel: Channel;
}

/**
 * Listens over the transport that `chooseTransport` would choose of those that have channels: the question and the
 * answer of its trial go over one.
 *
 * @example
 * const { listener, name } = await openBestListener({ endpoint: '/run/user/1000/ferry.sock' });
 *
 * @throws as `chooseTransport` and `Transport.listen`; `NOT_SUPPORTED` if no backend that can be used has channels.
 */
export async function openBestListener({
  prefer,
  warn,
  ...options
}: ListenOptions & ChoiceOptions): Promise<BestListener> {
  const choice = await chooseFor(CHANNELS, { prefer, warn });
  return { ...choice, listener: await choice.transport.listen(options) };
}

const CONNECTING: Follower<ConnectOptions, Channel> = {
  use: CHANNELS,
  open: (transport, options) => transport.connect(options),
  chooser: 'listener',
  nobodyAt: nobodyListensAt,
};

/**
 * Opens a channel over whatever transport the listener at the endpoint uses. The listener chooses, by
 * {@link openBestListener} or by name, and is found as `openBestReceiver` finds its sender. Waits for it to appear,
 * so the two may start in either order.
 *
 * @throws as `Transport.connect`: `NOT_PAGEFERRY` if no backend is answered; `TRANSPORT_MISMATCH` if the listener
 *   names one that is not installed here, or is none but a sender; `NOT_SUPPORTED` if no backend here has channels.
 */
export async function connectBest({
  prefer,
  warn,
  ...options
}: ConnectOptions & ChoiceOptions): Promise<BestChannel> {
  const { opened, ...choice } = await follow(CONNECTING, { prefer, warn }, options);
  return { ...choice, channel: opened };
}
