import {
  type ChannelPair,
  channelPairOver,
  openSocketPair as openPair,
  type SocketPair,
} from '@pageferry/connection';
import {
  nobodyListensAt,
  noSenderAt,
  type Sender,
  type Transport,
  withDeadline,
} from '@pageferry/core';
import type { Binding } from '@pageferry/linux';
import { loadBinding } from './binding.js';
import { capabilities } from './capabilities.js';
import { connectChannel } from './channel/connect.js';
import { SharedMmapListener } from './channel/listener.js';
import {
  checkConnect,
  checkListen,
  type SharedMmapConnectOptions,
  type SharedMmapListenOptions,
} from './channel/options.js';
import {
  checkReceiverOptions,
  checkSenderOptions,
  type SharedMmapReceiverOptions,
  type SharedMmapSenderOptions,
} from './options.js';
import type { SharedMmapReceiver as Receiver } from './receiving/receiver.js';
import { SharedMmapReceiver } from './receiving/shared-mmap-receiver.js';
import type { SharedMmapReceiverInfo } from './sending/receiver-info.js';
import { SharedMmapSender as SenderClass } from './sending/shared-mmap-sender.js';

/** The sending side of the shared-memory transport. */
export interface SharedMmapSender extends Sender {
  readonly receivers: readonly SharedMmapReceiverInfo[];
}

/** The shared-memory transport, and what it has beyond the common contract. */
export interface SharedMmapTransport
  extends Transport<
    SharedMmapSenderOptions,
    SharedMmapReceiverOptions,
    SharedMmapListenOptions,
    SharedMmapConnectOptions
  > {
  createSender(options: SharedMmapSenderOptions): Promise<SharedMmapSender>;
  createReceiver(options: SharedMmapReceiverOptions): Promise<Receiver>;
}

/** The backend `shared-mmap`. See {@link Transport} for what it does. Linux only. */
export const sharedMmap: SharedMmapTransport = {
  name: 'shared-mmap',
  capabilities,
  async createSender(options) {
    const settings = checkSenderOptions(options);
    return SenderClass.create(await loadBinding(options.binding), settings);
  },
  async createReceiver(options) {
    const settings = checkReceiverOptions(options);
    return await withDeadline(
      options,
      async (signal) =>
        SharedMmapReceiver.create(await loadBinding(options.binding), settings, signal),
      () => noSenderAt(settings.endpoint),
    );
  },
  async listen(options) {
    const settings = checkListen(options);
    return SharedMmapListener.create(await loadBinding(options.binding), settings);
  },
  async connect(options) {
    const settings = checkConnect(options);
    return await withDeadline(
      options,
      async (signal) => connectChannel(await loadBinding(options.binding), settings, signal),
      () => nobodyListensAt(settings.endpoint),
    );
  },
};

/**
 * A connected pair of sockets for a sender and a receiver of which one starts the other: both ends
 * are descriptors that the caller owns. Give one to the child (`stdio`), where it is the endpoint
 * `fd:N`, and pass the number of the other (`release()`) to this process's sender or receiver.
 *
 * @throws `SYSTEM_CALL_FAILED`, `BINDING_UNAVAILABLE`.
 */
export async function openSocketPair(binding?: Binding): Promise<SocketPair> {
  return openPair(await loadBinding(binding));
}

/**
 * A channel to a child that this process is about to start, without an endpoint path. The pool of this side is the
 * pair's: everything is given back when the channel is closed.
 *
 * @throws as `Transport.listen`.
 * @example
 * const pair = await channelPair();
 * const child = spawn(process.execPath, ['child.js'], { stdio: [0, 1, 2, pair.childs.fd] });
 * pair.childs.close();
 * const channel = await pair.accept(); // In the child: sharedMmap.connect({ endpoint: 'fd:3' })
 */
export async function channelPair(
  options: Omit<SharedMmapListenOptions, 'endpoint' | 'maxChannels'> = {},
): Promise<ChannelPair> {
  const pair = await openSocketPair(options.binding);
  return channelPairOver(pair, (endpoint) => sharedMmap.listen({ ...options, endpoint }));
}
