/**
 * `@pageferry/connection`: what the Linux transports share. Sender and receiver meet at a Unix
 * socket, check each other, and pass descriptors; from then on a small shared control memory says
 * what is under way, and a doorbell wakes whoever has parked. The data plane is the transport's.
 *
 * @packageDocumentation
 */
export {
  type ChannelEvents,
  type ChannelHalves,
  joinHalves,
} from './channels/join-halves.js';
export {
  LinuxListener,
  type LinuxListenerSettings,
  type Newcomer,
  type OpenedChannel,
} from './channels/linux-listener.js';
export { type PoolSharer, type SharablePool, SharedPool } from './channels/shared-pool.js';
export * from './control/control-memory.js';
export * from './control/is-cut-off.js';
export * from './control/layout.js';
export * from './control/load-in-order.js';
export * from './control/open-words.js';
export * from './control/queue.js';
export type { SideRecord } from './control/side-record.js';
export type { ConnectionParts } from './ends/connection.js';
export { type ConnectionEvents, Link, type RecordHandler } from './ends/link.js';
export * from './ends/linux-sender.js';
export {
  PLAIN_RECEIVER,
  ReceiverConnection,
  type ReceiverTerms,
} from './ends/receiver-connection.js';
export { PLAIN_SENDER, SenderConnection, type SenderTerms } from './ends/sender-connection.js';
export * from './establish.js';
export { checkPoolFits } from './pool-room.js';
export { type ChannelPair, channelPairOver } from './rendezvous/channel-pair.js';
export { connect, type Welcome } from './rendezvous/connect.js';
export { Endpoint } from './rendezvous/endpoint.js';
export { openSocketPair, type SocketPair } from './rendezvous/inherited.js';
export { type Inspected, inspect } from './rendezvous/inspect.js';
export { Listener, type ListenerSettings, type WelcomeSender } from './rendezvous/listener.js';
export * from './sender-errors.js';
export * from './waiting/adaptive-waits.js';
export * from './waiting/doorbell.js';
