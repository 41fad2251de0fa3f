import { MAX_HELLO_BYTES } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  POLLIN,
  type SocketMessage,
  type UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';

/**
 * Waits for the next message of a handshake.
 *
 * @param onWatch as with `waitUntilReady`.
 * @returns `undefined` if the peer hung up instead. The caller owns the descriptors.
 * @throws `signal.reason`, `SYSTEM_CALL_FAILED`.
 */
export async function receiveHello(
  calls: LinuxCalls,
  socket: UnixSocket,
  signal: AbortSignal | undefined,
  onWatch?: (watcher: DescriptorWatcher) => void,
): Promise<SocketMessage | undefined> {
  for (;;) {
    const message = socket.receive(MAX_HELLO_BYTES);
    if (message === 'end') return undefined;
    if (message !== undefined) return message;
    await waitUntilReady(calls, socket.fd, POLLIN, 0, signal, onWatch);
  }
}
