import { checkOptions, invalidArgument } from '@pageferry/core';
import {
  AF_UNIX,
  checkResult,
  type LinuxCalls,
  OwnedFd,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '@pageferry/linux';
import { loadBinding } from './binding.js';
import { FdSocket } from './fd-socket.js';
import {
  type FdSocketOptions,
  type FdSocketTypeOptions,
  SOCKET_OPTIONS,
  toSettings,
  toType,
} from './options.js';

/**
 * Takes over a descriptor: an inherited number becomes close-on-exec.
 *
 * @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED`.
 */
export function takeOver(calls: LinuxCalls, fd: OwnedFd | number): OwnedFd {
  if (typeof fd !== 'number') {
    if (typeof fd?.release !== 'function')
      throw invalidArgument('fd', fd, 'a number or an OwnedFd');
    return new OwnedFd(calls, fd.release());
  }
  if (!Number.isInteger(fd) || fd < 0) throw invalidArgument('fd', fd, 'a descriptor');
  const owned = OwnedFd.duplicateOf(calls, fd);
  calls.close(fd);
  return owned;
}

/**
 * A socket over a connected descriptor that is there already: inherited (`WAYLAND_SOCKET`), or received.
 *
 * @param fd is the socket's from now on: an `OwnedFd` is released, and a number must not be used any more.
 * @throws `INVALID_ARGUMENT`; `SYSTEM_CALL_FAILED` (`EBADF`, `ENOTSOCK`); `NOT_SUPPORTED` for a socket of another type;
 *   `BINDING_UNAVAILABLE`.
 */
export async function adopt(
  fd: OwnedFd | number,
  options: FdSocketOptions = {},
): Promise<FdSocket> {
  checkOptions(options, SOCKET_OPTIONS);
  const settings = toSettings(options);
  const calls = await loadBinding(options.binding);
  const number = typeof fd === 'number' ? fd : fd?.fd;
  if (!Number.isInteger(number)) throw invalidArgument('fd', fd, 'a number or an OwnedFd');
  const type = checkResult(calls.getSocketType(number), 'getsockopt', 'SO_TYPE');
  if (type !== SOCK_STREAM && type !== SOCK_SEQPACKET) {
    throw invalidArgument('fd', fd, 'a stream or seqpacket socket');
  }
  return new FdSocket(calls, takeOver(calls, fd), settings);
}

/** A pair of connected sockets, of which one goes to somebody else. */
export interface FdSocketPair {
  /** This process's end. */
  readonly socket: FdSocket;
  /** The other end: for a child's `stdio`, or to be sent. The caller closes it. */
  readonly other: OwnedFd;
}

/**
 * Makes two sockets that are connected to each other (socketpair(2)).
 *
 * @throws `INVALID_ARGUMENT`, `SYSTEM_CALL_FAILED` (`EMFILE`), `BINDING_UNAVAILABLE`.
 */
export async function openPair(options: FdSocketTypeOptions = {}): Promise<FdSocketPair> {
  checkOptions(options, [...SOCKET_OPTIONS, 'type']);
  const type = toType(options.type);
  const settings = toSettings(options);
  const calls = await loadBinding(options.binding);
  const ends = new Int32Array(2);
  // Blocking: calls that must not block say so themselves, and a child may want to.
  checkResult(calls.socketpair(AF_UNIX, type, 0, ends), 'socketpair');
  const [one, other] = Array.from(ends, (fd) => new OwnedFd(calls, fd)) as [OwnedFd, OwnedFd];
  try {
    checkResult(
      calls.setStatusFlags(one.fd, calls.getStatusFlags(one.fd) | SOCK_NONBLOCK),
      'fcntl',
    );
    return { socket: new FdSocket(calls, one, settings), other };
  } catch (error) {
    one.close();
    other.close();
    throw error;
  }
}
