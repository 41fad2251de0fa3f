import { checkPoolFits } from '@pageferry/connection';
import {
  type ChannelSideSettings,
  type ConnectOptions,
  checkConnectOptions,
  checkListenOptions,
  type ListenOptions,
  type ListenSettings,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { checkPipeBytes } from '../options.js';

/**
 * Options of the pipe transport's `listen`. All channels lend from one pool. A peer that says it is done with a
 * message, and goes on to read its pages, may see what is sent to another one: where that matters, listen twice.
 */
export interface VmspliceListenOptions extends ListenOptions {
  /**
   * Capacity of each of the two pipes of a channel in bytes; see `VmspliceSenderOptions.pipeBytes`. The pipes of an
   * unprivileged user may have 64 MiB together, unless the system says otherwise
   * (`/proc/sys/fs/pipe-user-pages-soft`): later ones are small. So give less for many channels.
   */
  readonly pipeBytes?: number | undefined;
}

/** Options of the pipe transport's `connect`. The listener has made the pipes. */
export interface VmspliceConnectOptions extends ConnectOptions {}

/** {@link VmspliceConnectOptions} with every default filled in, and what either side has. */
export type SideSettings = ChannelSideSettings;

/** {@link VmspliceListenOptions} with every default filled in. */
export interface VmspliceListenSettings extends ListenSettings {
  readonly pipeBytes: number;
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkListen(options: VmspliceListenOptions): VmspliceListenSettings {
  const common = checkListenOptions(options, capabilities, ['pipeBytes']);
  checkPoolFits(common.poolBytes);
  return { ...common, pipeBytes: checkPipeBytes(options.pipeBytes) };
}

/** @throws `INVALID_ARGUMENT`, `ENDPOINT_INVALID`. */
export function checkConnect(options: VmspliceConnectOptions): SideSettings {
  const common = checkConnectOptions(options, capabilities);
  checkPoolFits(common.poolBytes);
  return common;
}
