/**
 * `@pageferry/socket`: Pageferry's contract over a plain Unix socket, in pure Node.
 *
 * It copies every byte, into the kernel and out of it. In return it runs wherever Node runs, with
 * nothing to compile or load: the fallback where the zero-copy transports cannot work, and the
 * yardstick to compare them with.
 *
 * @packageDocumentation
 */
import {
  checkConnectOptions,
  checkListenOptions,
  nobodyListensAt,
  noSenderAt,
  type ReceiverOptions,
  type SenderOptions,
  type Transport,
  withDeadline,
} from '@pageferry/core';
import { capabilities } from './capabilities.js';
import { connectChannel } from './channel/connect-channel.js';
import { SocketListener } from './channel/socket-listener.js';
import { checkReceiverOptions, checkSenderOptions } from './options.js';
import { NAME } from './protocol/name.js';
import { SocketReceiver } from './receiving/socket-receiver.js';
import { SocketSender } from './sending/socket-sender.js';

export * from '@pageferry/core/contract';

/**
 * The socket transport. See {@link Transport} for what it does and which errors it throws.
 *
 * What is particular to it:
 *
 * - `Loan.bytes` is not page-aligned: Node has no way to ask for that. It is aligned to 8 bytes.
 * - On Windows the endpoint stands for a named pipe, and no file appears.
 * - `ReceiverInfo.credentials` and `Channel.peer` are never known: Node does not tell who is at the other
 *   end. On a Unix system the mode of the socket file, 0600, keeps other users out, and nobody connects to
 *   another user's file.
 * - `spinMicroseconds` only bounds for how long the event loop is held: there is nothing to poll.
 */
export const socketTransport: Transport<SenderOptions, ReceiverOptions> = {
  name: NAME,
  capabilities,
  async createSender(options) {
    return SocketSender.create(checkSenderOptions(options));
  },
  async createReceiver(options) {
    const settings = checkReceiverOptions(options);
    return await withDeadline(
      options,
      (signal) => SocketReceiver.create(settings, signal),
      () => noSenderAt(settings.endpoint),
    );
  },
  async listen(options) {
    return SocketListener.create(checkListenOptions(options, capabilities));
  },
  async connect(options) {
    const settings = checkConnectOptions(options, capabilities);
    return await withDeadline(
      options,
      (signal) => connectChannel(settings, signal),
      () => nobodyListensAt(settings.endpoint),
    );
  },
};
