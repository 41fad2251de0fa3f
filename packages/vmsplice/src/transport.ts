import { nobodyListensAt, noSenderAt, type Transport, withDeadline } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { capabilities } from './capabilities.js';
import { connectChannel } from './channel/connect.js';
import { VmspliceListener } from './channel/listener.js';
import {
  checkConnect,
  checkListen,
  type VmspliceConnectOptions,
  type VmspliceListenOptions,
} from './channel/options.js';
import {
  checkReceiverOptions,
  checkSenderOptions,
  type VmspliceReceiverOptions,
  type VmspliceSenderOptions,
} from './options.js';
import { VmspliceReceiver } from './receiving/vmsplice-receiver.js';
import { VmspliceSender } from './sending/vmsplice-sender.js';

/** The pipe transport, with its own options. See {@link Transport} for what it does. */
export type VmspliceTransport = Transport<
  VmspliceSenderOptions,
  VmspliceReceiverOptions,
  VmspliceListenOptions,
  VmspliceConnectOptions
>;

/**
 * The pipe transport over a binding.
 *
 * @param name the backend's name, for example `vmsplice-napi`.
 * @param load returns the system calls; called when a sender, a receiver or a side of a channel is created, so that
 *   a binding that does not load is an error of that call. May throw `BINDING_UNAVAILABLE`.
 */
export function createVmspliceTransport(name: string, load: () => LinuxCalls): VmspliceTransport {
  return {
    name,
    capabilities,
    async createSender(options) {
      const settings = checkSenderOptions(options);
      return VmspliceSender.create(load(), settings);
    },
    async createReceiver(options) {
      const settings = checkReceiverOptions(options);
      return await withDeadline(
        options,
        (signal) => VmspliceReceiver.create(load(), settings, signal),
        () => noSenderAt(settings.endpoint),
      );
    },
    async listen(options) {
      const settings = checkListen(options);
      return VmspliceListener.create(load(), settings);
    },
    async connect(options) {
      const settings = checkConnect(options);
      return await withDeadline(
        options,
        (signal) => connectChannel(load(), settings, signal),
        () => nobodyListensAt(settings.endpoint),
      );
    },
  };
}
