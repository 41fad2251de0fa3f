import {
  asyncDispose,
  type Channel,
  isPageferryError,
  type Listener,
  type WaitOptions,
} from '@pageferry/core';
import type { OwnedFd } from '@pageferry/linux';
import type { SocketPair } from './inherited.js';

/** A channel between this process and a child that it starts, which needs no endpoint path. */
export interface ChannelPair extends AsyncDisposable {
  /**
   * For the child: put its number into `stdio`, and close it once the child has started. There it is the endpoint
   * `fd:N` of `connect`, with N from its place in `stdio`.
   */
  readonly childs: OwnedFd;
  /**
   * Waits until the child has connected. May be called again after an abort or a time-out.
   *
   * @returns the channel, which the caller closes.
   * @throws `PEER_DIED` if the child has ended, or never came; `CLOSED`, `ABORTED`, `TIMEOUT`.
   */
  accept(options?: WaitOptions): Promise<Channel>;
  /** Gives up a channel that was not accepted, and everything else. Harmless after that. */
  close(): Promise<void>;
}

/**
 * Listens at one end of a pair of sockets. If that fails, both are closed.
 *
 * @param listen as `Transport.listen`.
 */
export async function channelPairOver(
  { ours, childs }: SocketPair,
  listen: (endpoint: string) => Promise<Listener>,
): Promise<ChannelPair> {
  let listener: Listener;
  try {
    listener = await listen(`fd:${ours.fd}`);
  } catch (error) {
    ours.close();
    childs.close();
    throw error;
  }
  // The listener has taken it over.
  ours.release();
  const close = async (): Promise<void> => {
    childs.close();
    await listener.destroy();
  };
  // Nobody else can come.
  listener.on('leave', () => void close());
  return {
    childs,
    close,
    [asyncDispose]: close,
    async accept(options) {
      try {
        return await listener.accept(options);
      } catch (error) {
        if (isPageferryError(error, 'PEER_DIED')) await close();
        throw error;
      }
    },
  };
}
