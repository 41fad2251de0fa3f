import { PageferryError } from '@pageferry/core';
import {
  checkResult,
  EBADF,
  type LinuxCalls,
  O_NONBLOCK,
  OwnedFd,
  UnixSocket,
} from '@pageferry/linux';

/** Both ends of a connection that needs no endpoint path. */
export interface SocketPair {
  /** For this process: pass it on as the endpoint `fd:N`, with N from `release()`. */
  readonly ours: OwnedFd;
  /** For the child: put its number into `stdio`, and close it once the child has started. */
  readonly childs: OwnedFd;
}

/**
 * A connected pair of Unix sockets (socketpair(2)) for a sender and a receiver of which one starts
 * the other.
 *
 * @throws `SYSTEM_CALL_FAILED` (`EMFILE`).
 */
export function openSocketPair(calls: LinuxCalls): SocketPair {
  const [ours, childs] = UnixSocket.pair(calls);
  return { ours: ours.release(), childs: childs.release() };
}

/**
 * Takes over an inherited descriptor: from now on it is closed with the connection, and no further
 * child inherits it. Its messages tell who sends them, until the handshake is over.
 *
 * @throws `ENDPOINT_INVALID` if it is not a connected Unix socket that keeps message boundaries,
 *   `SYSTEM_CALL_FAILED` (`EMFILE`).
 */
export function adoptSocket(calls: LinuxCalls, inherited: number): UnixSocket {
  const fd = calls.duplicate(inherited, 0);
  if (fd === -EBADF) throw unusable(inherited, 'is not open');
  checkResult(fd, 'fcntl', 'F_DUPFD_CLOEXEC');
  const owned = new OwnedFd(calls, fd);
  const socket = new UnixSocket(calls, owned);
  try {
    if (!socket.isConnected()) throw unusable(inherited, 'is no connected SOCK_SEQPACKET socket');
    const flags = checkResult(calls.getStatusFlags(fd), 'fcntl', 'F_GETFL');
    checkResult(calls.setStatusFlags(fd, flags | O_NONBLOCK), 'fcntl', 'F_SETFL');
    // Who has made the pair says nothing of who uses it: the hello shall tell.
    socket.passCredentials(true);
  } catch (error) {
    socket.close();
    throw error;
  }
  calls.close(inherited);
  return socket;
}

function unusable(fd: number, why: string): PageferryError {
  return new PageferryError('ENDPOINT_INVALID', `the endpoint fd:${fd} ${why}`);
}
