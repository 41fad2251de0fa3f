import { clock, onAbort, PageferryError } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  POLLIN,
  type SocketMessage,
  type UnixSocket,
  waitUntilReady,
} from '@pageferry/linux';
import { MAX_HELLO_BYTES } from './hello.js';

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

/**
 * A signal that fires with a typed error after `milliseconds`, or when `signal` does. Without
 * `milliseconds` there is no limit.
 */
export function withPatience(
  milliseconds: number | undefined,
  signal: AbortSignal | undefined,
  error: () => PageferryError,
): { readonly signal: AbortSignal; readonly done: () => void } {
  const controller = new AbortController();
  const giveUp = () => controller.abort(error());
  const timer = milliseconds === undefined ? undefined : clock.setTimeout(giveUp, milliseconds);
  // Whatever is waited for keeps the process alive, or is not to.
  timer?.unref();
  if (signal?.aborted) controller.abort(signal.reason);
  const forget = onAbort(signal, () => controller.abort(signal?.reason));
  return {
    signal: controller.signal,
    done: () => {
      clock.clearTimeout(timer);
      forget();
    },
  };
}

/** The error for a program that does not answer the handshake, or not as Pageferry would. */
export function notPageferry(path: string, what: string): PageferryError {
  return new PageferryError('NOT_PAGEFERRY', `the program at ${path} ${what}: it is not Pageferry`);
}
