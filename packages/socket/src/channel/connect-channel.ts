import { BufferPool, type Channel, type ChannelSideSettings } from '@pageferry/core';
import { LoanPool } from '../memory/loan-pool.js';
import { CHANNEL_NAME } from '../protocol/channel.js';
import { connectToSender } from '../receiving/connect.js';
import { makeChannel } from './make-channel.js';

/** How much is read at once. */
const READ_BYTES = 64 * 1024;

/**
 * Opens a channel to whoever listens.
 *
 * @throws as `Transport.connect`.
 */
export async function connectChannel(
  settings: ChannelSideSettings,
  signal: AbortSignal | undefined,
): Promise<Channel> {
  const { endpoint, allow } = settings;
  const socket = await connectToSender(endpoint, CHANNEL_NAME, signal, allow);
  const pool = new LoanPool(settings.poolBytes);
  const incoming = new BufferPool(settings.maxBorrowedBytes);
  const { channel, connection } = makeChannel({
    socket,
    settings,
    pool,
    incoming,
    onClose: () => {
      pool.clear();
      incoming.clear();
    },
  });
  const memory = Buffer.allocUnsafeSlow(READ_BYTES);
  socket.attach({
    target: () => memory,
    arrived: (bytes) => {
      connection.receive(bytes);
      return true;
    },
    gone: () => {
      // The connection looks after that.
    },
  });
  socket.readOn();
  return channel;
}
