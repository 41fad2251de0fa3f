import { checkInteger, checkOptions, invalidArgument } from '@pageferry/core';
import {
  AF_UNIX,
  checkResult,
  type LinuxCalls,
  O_NONBLOCK,
  OwnedFd,
  SOCK_NONBLOCK,
} from '@pageferry/linux';
import { bindTo, checkAddress, nameOf, type SocketAddress } from './address.js';
import { takeOver } from './adopt.js';
import { loadBinding } from './binding.js';
import { FdServer } from './fd-server.js';
import type { FdSocket } from './fd-socket.js';
import { type FdSocketTypeOptions, SOCKET_OPTIONS, toSettings, toType } from './options.js';

/** How to listen. */
export interface ListenOptions extends FdSocketTypeOptions {
  /** The mode of the socket file, which says who may connect: whoever may write to it. 0o600 by default, less the umask. */
  readonly mode?: number;
  /** How many connections may wait to be accepted, listen(2). 511 by default. */
  readonly backlog?: number;
}

/** A socket that listens already, inherited from whoever has started this process. */
export interface InheritedListener {
  /** Is the server's from now on: an `OwnedFd` is released. */
  readonly fd: OwnedFd | number;
}

/**
 * Listens at a path or an abstract name, or at a socket that does so already.
 *
 * @param onConnection gets each connection, which is its own from then on.
 * @throws `INVALID_ARGUMENT`; `SYSTEM_CALL_FAILED` (`EADDRINUSE`, also for the file that a killed server has left: it is
 *   the caller's to remove; `EACCES`, `ENOENT`, `ENAMETOOLONG`, `EMFILE`); `BINDING_UNAVAILABLE`.
 */
export async function listen(
  address: SocketAddress | InheritedListener,
  options: ListenOptions,
  onConnection: (socket: FdSocket) => void,
): Promise<FdServer> {
  checkOptions(options, [...SOCKET_OPTIONS, 'type', 'mode', 'backlog']);
  if (typeof onConnection !== 'function') {
    throw invalidArgument('onConnection', onConnection, 'a function');
  }
  const settings = toSettings(options);
  const type = toType(options.type);
  const mode = checkInteger('mode', options.mode ?? 0o600, 0, 0o777);
  const backlog = checkInteger('backlog', options.backlog ?? 511, 0, 2 ** 31 - 1);
  const inherited = isInherited(address) ? address : undefined;
  const where = inherited ? undefined : checkAddress(address);
  const calls = await loadBinding(options.binding);
  const socket = inherited ? takeOver(calls, inherited.fd) : create(calls, type);
  try {
    if (where === undefined) {
      const flags = checkResult(calls.getStatusFlags(socket.fd), 'fcntl', 'F_GETFL');
      checkResult(calls.setStatusFlags(socket.fd, flags | O_NONBLOCK), 'fcntl', 'F_SETFL');
    } else {
      // The file takes over the mode of the socket: there is no moment at which others may connect.
      checkResult(calls.fchmod(socket.fd, mode), 'fchmod');
      checkResult(bindTo(calls, socket.fd, where), 'bind', nameOf(where));
      checkResult(calls.listen(socket.fd, backlog), 'listen', nameOf(where));
    }
  } catch (error) {
    socket.close();
    throw error;
  }
  return new FdServer(calls, socket, settings, where).on('connection', onConnection);
}

function isInherited(address: unknown): address is InheritedListener {
  return typeof address === 'object' && address !== null && 'fd' in address;
}

function create(calls: LinuxCalls, type: number): OwnedFd {
  return new OwnedFd(calls, checkResult(calls.socket(AF_UNIX, type | SOCK_NONBLOCK, 0), 'socket'));
}
