/**
 * `@pageferry/shared-mmap`: messages in memory that both processes map. The receiver reads the very
 * pages that the sender has written; nothing is copied, and no system call is made while both sides
 * are awake. Linux only.
 *
 * @packageDocumentation
 */
export type { Inspected } from '@pageferry/connection';
export { openShared } from '@pageferry/core';
export * from '@pageferry/core/contract';
export type { Binding } from '@pageferry/linux';
export type { SharedMmapConnectOptions, SharedMmapListenOptions } from './channel/options.js';
export { type InspectOptions, inspect } from './inspect.js';
export type {
  Access,
  SharedMmapReceiverOptions,
  SharedMmapSenderOptions,
} from './options.js';
export type { BehindPolicy } from './protocol.js';
export type { SharedMmapReceiver, SharedMmapReceiverStats } from './receiving/receiver.js';
export type { SharedMmapReceiverInfo } from './sending/receiver-info.js';
export {
  channelPair,
  openSocketPair,
  type SharedMmapSender,
  type SharedMmapTransport,
  sharedMmap,
} from './transport.js';
