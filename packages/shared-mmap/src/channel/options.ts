import {
  type ChannelSideOptions,
  type ChannelSideSettings,
  type ConnectOptions,
  checkConnectOptions,
  checkFlag,
  checkListenOptions,
  type ListenOptions,
  type ListenSettings,
} from '@pageferry/core';
import type { Binding } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { checkPool } from '../options.js';

/** What this transport adds to either side of a channel. */
export interface SharedMmapChannelSideOptions extends ChannelSideOptions {
  /** Who makes the system calls. Default: `'napi'`, or `'ffi'` where only that loads. */
  readonly binding?: Binding | undefined;
  /** As `SharedMmapSenderOptions.preallocateBytes`. Default: 2 MiB. */
  readonly preallocateBytes?: number | undefined;
  /** As `SharedMmapSenderOptions.guard`: for the bytes of loans and of deliveries. */
  readonly guard?: boolean | undefined;
  /** As `SharedMmapReceiverOptions.sharedToThreads`. */
  readonly sharedToThreads?: boolean | undefined;
}

/**
 * Options of the shared-memory transport's `listen`. All channels lend from one pool, which every peer maps: a peer
 * can read what is sent to another one. Where that matters, listen twice.
 */
export interface SharedMmapListenOptions extends ListenOptions, SharedMmapChannelSideOptions {}

/** Options of the shared-memory transport's `connect`. */
export interface SharedMmapConnectOptions extends ConnectOptions, SharedMmapChannelSideOptions {}

/** {@link SharedMmapChannelSideOptions} with every default filled in. */
export interface SideSettings extends ChannelSideSettings {
  readonly preallocateBytes: number;
  readonly guard: boolean;
  readonly sharedToThreads: boolean;
}

const MORE = ['binding', 'preallocateBytes', 'guard', 'sharedToThreads'] as const;

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkListen(options: SharedMmapListenOptions): ListenSettings & SideSettings {
  const common = checkListenOptions(options, capabilities, MORE);
  return { ...common, ...checkSide(common.poolBytes, options) };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkConnect(options: SharedMmapConnectOptions): SideSettings {
  const common = checkConnectOptions(options, capabilities, MORE);
  return { ...common, ...checkSide(common.poolBytes, options) };
}

function checkSide(
  poolBytes: number,
  { preallocateBytes, guard, sharedToThreads }: SharedMmapChannelSideOptions,
): Pick<SideSettings, 'preallocateBytes' | 'guard' | 'sharedToThreads'> {
  return {
    preallocateBytes: checkPool(poolBytes, preallocateBytes),
    guard: checkFlag('guard', guard),
    sharedToThreads: checkFlag('sharedToThreads', sharedToThreads),
  };
}
