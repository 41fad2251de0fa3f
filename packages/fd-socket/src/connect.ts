import { checkOptions, invalidArgument, isAbortSignal, retryWithBackoff } from '@pageferry/core';
import { AF_UNIX, checkResult, EAGAIN, OwnedFd, SOCK_NONBLOCK } from '@pageferry/linux';
import { checkAddress, connectTo, nameOf, type SocketAddress } from './address.js';
import { loadBinding } from './binding.js';
import { FdSocket } from './fd-socket.js';
import { type FdSocketTypeOptions, SOCKET_OPTIONS, toSettings, toType } from './options.js';

/** How to connect. */
export interface ConnectOptions extends FdSocketTypeOptions {
  /** Gives up a server that accepts nobody. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a server. It waits for one that listens and whose queue is full.
 *
 * @throws `INVALID_ARGUMENT`; `SYSTEM_CALL_FAILED` (`ENOENT`, `ECONNREFUSED`, `EACCES`, `EPROTOTYPE` for a server of the
 *   other type, `ENAMETOOLONG`, `EMFILE`); `BINDING_UNAVAILABLE`; `signal.reason`.
 */
export async function connect(
  address: SocketAddress,
  options: ConnectOptions = {},
): Promise<FdSocket> {
  checkOptions(options, [...SOCKET_OPTIONS, 'type', 'signal']);
  const { signal } = options;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument('signal', signal, 'an AbortSignal');
  }
  const where = checkAddress(address);
  const type = toType(options.type);
  const settings = toSettings(options);
  const calls = await loadBinding(options.binding);
  const fd = checkResult(calls.socket(AF_UNIX, type | SOCK_NONBLOCK, 0), 'socket');
  const socket = new OwnedFd(calls, fd);
  try {
    // For Unix sockets EAGAIN is a full queue, and no connection under way: poll(2) would not tell of room in it.
    await retryWithBackoff(async () => {
      const result = connectTo(calls, socket.fd, where);
      if (result === -EAGAIN) return undefined;
      return checkResult(result, 'connect', nameOf(where));
    }, signal);
  } catch (error) {
    socket.close();
    throw error;
  }
  return new FdSocket(calls, socket, settings);
}
