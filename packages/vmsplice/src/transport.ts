import { noChannels, noSenderAt, type Transport, withDeadline } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { capabilities } from './capabilities.js';
import {
  checkReceiverOptions,
  checkSenderOptions,
  type VmspliceReceiverOptions,
  type VmspliceSenderOptions,
} from './options.js';
import { VmspliceReceiver } from './receiving/vmsplice-receiver.js';
import { VmspliceSender } from './sending/vmsplice-sender.js';

/**
 * The pipe transport over a binding.
 *
 * @param name the backend's name, for example `vmsplice-napi`.
 * @param load returns the system calls; called when a sender or receiver is created, so that a
 *   binding that does not load is an error of that call. May throw `BINDING_UNAVAILABLE`.
 */
export function createVmspliceTransport(
  name: string,
  load: () => LinuxCalls,
): Transport<VmspliceSenderOptions, VmspliceReceiverOptions> {
  return {
    ...noChannels,
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
  };
}
