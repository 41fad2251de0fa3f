import type { PeerCredentials } from '@pageferry/core';
import { dispose } from '@pageferry/core';
import {
  AF_UNIX,
  EAGAIN,
  ECONNRESET,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  ENOTCONN,
  EPIPE,
  ETOOMANYREFS,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  POLLHUP,
  POLLRDHUP,
  SHUT_WR,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
} from '../calls/constants.js';
import { checkResult, systemCallError } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import { MAX_DESCRIPTORS_PER_MESSAGE, MESSAGE_FIELD } from '../calls/socket-calls.js';
import { pollNow } from '../readiness/poll-now.js';
import { toCredentials } from './credentials.js';
import { OwnedFd } from './owned-fd.js';

/** Errors of sendmsg(2) that pass: what is missing may be there again later. */
const PASSING = new Set(
  [EAGAIN, ENOBUFS, ENOMEM, EMFILE, ENFILE, ETOOMANYREFS].map((errno) => -errno),
);

/** A message that came over a {@link UnixSocket}. */
export interface SocketMessage {
  /** The bytes of the message, in memory of their own. */
  readonly bytes: Uint8Array;
  /** Descriptors that came with it. The caller owns them. */
  readonly descriptors: readonly OwnedFd[];
  /** True if the message or its descriptors did not fit and were cut off. */
  readonly truncated: boolean;
  /**
   * True if the kernel has thrown descriptors away because this process may have no more (`RLIMIT_NOFILE`):
   * there was room for them in the message. It is `truncated` then, and not the sender's fault.
   */
  readonly descriptorsLost: boolean;
  /** Who has sent it, if {@link UnixSocket.passCredentials} was on at either end, and is now at this one. */
  readonly credentials: PeerCredentials | undefined;
}

/**
 * A Unix socket that keeps message boundaries (`SOCK_SEQPACKET`, unix(7)) and carries descriptors.
 * Non-blocking and close-on-exec. It is never handed to Node, which cannot receive arbitrary
 * descriptors.
 */
export class UnixSocket implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #socket: OwnedFd;
  #passesCredentials = false;

  /** Takes over a descriptor, for example an inherited or accepted one. */
  constructor(calls: LinuxCalls, socket: OwnedFd) {
    this.#calls = calls;
    this.#socket = socket;
  }

  /**
   * A fresh, unconnected socket.
   *
   * @param type messages in order, or `SOCK_STREAM`.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  static create(calls: LinuxCalls, type: number = SOCK_SEQPACKET): UnixSocket {
    const fd = calls.socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
    return new UnixSocket(calls, new OwnedFd(calls, checkResult(fd, 'socket')));
  }

  /**
   * Two sockets that are connected to each other.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  static pair(calls: LinuxCalls): [UnixSocket, UnixSocket] {
    const ends = new Int32Array(2);
    checkResult(calls.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 'socketpair');
    const [first, second] = Array.from(ends, (fd) => new UnixSocket(calls, new OwnedFd(calls, fd)));
    return [first as UnixSocket, second as UnixSocket];
  }

  /** The descriptor's number. @throws `CLOSED` once closed. */
  get fd(): number {
    return this.#socket.fd;
  }

  /** True until `close`. */
  get open(): boolean {
    return this.#socket.open;
  }

  /**
   * Takes the next waiting connection (accept4(2)), or `undefined` if there is none.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`).
   */
  accept(): UnixSocket | undefined {
    const fd = this.#calls.accept4(this.fd, SOCK_NONBLOCK);
    if (fd === -EAGAIN) return undefined;
    return new UnixSocket(this.#calls, new OwnedFd(this.#calls, checkResult(fd, 'accept4')));
  }

  /**
   * Who has connected, or listened (`SO_PEERCRED`, unix(7)). Of a pair of sockets it is who has made it,
   * and not who uses it. `undefined` for somebody of whom the kernel can tell nothing here.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  peerCredentials(): PeerCredentials | undefined {
    const fields = new Int32Array(3);
    checkResult(this.#calls.getPeerCredentials(this.fd, fields), 'getsockopt', 'SO_PEERCRED');
    return toCredentials(fields);
  }

  /**
   * Has messages tell who has sent them (`SO_PASSCRED`, unix(7)): those that come, and those that are sent
   * from here, which the other side sees if it does the same. The kernel vouches for it.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  passCredentials(on: boolean): void {
    checkResult(this.#calls.setPassCredentials(this.fd, on), 'setsockopt', 'SO_PASSCRED');
    this.#passesCredentials = on;
  }

  /**
   * Sends one message with descriptors (sendmsg(2), `SCM_RIGHTS`). The peer gets duplicates; these
   * stay the caller's.
   *
   * @returns false if the peer's buffer is full, or the peer is gone.
   * @throws `SYSTEM_CALL_FAILED` for anything else.
   */
  send(bytes: Uint8Array, descriptors: readonly { readonly fd: number }[] = []): boolean {
    const sent = this.#send(bytes, descriptors);
    if (sent === -EAGAIN || sent === -EPIPE || sent === -ECONNRESET) return false;
    checkResult(sent, 'sendmsg');
    return true;
  }

  /**
   * As {@link send}, for who can try again.
   *
   * @returns `'later'` if room, memory or descriptors are missing (`ETOOMANYREFS`: more are under way than
   *   this user may have), which may be there again later; `'gone'` if the peer is.
   * @throws `SYSTEM_CALL_FAILED` for anything else.
   */
  sendNowOrLater(
    bytes: Uint8Array,
    descriptors: readonly { readonly fd: number }[],
  ): 'sent' | 'later' | 'gone' {
    const sent = this.#send(bytes, descriptors);
    if (sent === -EPIPE || sent === -ECONNRESET) return 'gone';
    if (PASSING.has(sent)) return 'later';
    checkResult(sent, 'sendmsg');
    return 'sent';
  }

  /**
   * Takes the next message (recvmsg(2)): `undefined` if there is none now, `'end'` if the peer has
   * hung up.
   *
   * @param maxBytes longer messages arrive truncated.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  receive(maxBytes: number): SocketMessage | 'end' | undefined {
    const bytes = new Uint8Array(maxBytes);
    const numbers = new Int32Array(MAX_DESCRIPTORS_PER_MESSAGE);
    const info = new Int32Array(5);
    const received = this.#calls.recvmsg(this.fd, bytes, 0, maxBytes, numbers, info, 0);
    if (received === -EAGAIN) return undefined;
    if (received === -ECONNRESET) return 'end';
    if (received < 0) throw systemCallError('recvmsg', received);
    const count = info[MESSAGE_FIELD.descriptorCount] as number;
    // An empty message looks like the end, but descriptors that came with it must not be lost.
    if (received === 0 && count === 0) return 'end';
    const flags = info[MESSAGE_FIELD.flags] as number;
    return {
      bytes: bytes.subarray(0, received),
      descriptors: Array.from(numbers.subarray(0, count), (fd) => new OwnedFd(this.#calls, fd)),
      truncated: (flags & (MSG_CTRUNC | MSG_TRUNC)) !== 0,
      descriptorsLost: (flags & MSG_CTRUNC) !== 0 && count < numbers.length,
      credentials: this.#passesCredentials
        ? toCredentials(info.subarray(MESSAGE_FIELD.pid))
        : undefined,
    };
  }

  /**
   * Says that nothing more will be sent (shutdown(2)): the peer sees the end after what was sent, while
   * its own end stays noticeable here ({@link peerHasEnded}). Harmless if the peer is gone.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  endSending(): void {
    const ended = this.#calls.shutdown(this.fd, SHUT_WR);
    if (ended !== -ENOTCONN) checkResult(ended, 'shutdown');
  }

  /**
   * True once the peer's end is closed, or sends nothing more. Takes nothing off the socket.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  peerHasEnded(): boolean {
    return (pollNow(this.#calls, this.fd, POLLRDHUP) & (POLLRDHUP | POLLHUP)) !== 0;
  }

  /** True if it is connected, and of the type that keeps message boundaries. */
  isConnected(): boolean {
    if (this.#calls.getSocketType(this.fd) !== SOCK_SEQPACKET) return false;
    // The kernel names a peer even of a socket that listens; only a connected one can be read from.
    const flags = MSG_PEEK | MSG_DONTWAIT;
    const nothing = new Int32Array(0);
    const info = new Int32Array(5);
    const peeked = this.#calls.recvmsg(this.fd, new Uint8Array(1), 0, 1, nothing, info, flags);
    return peeked >= 0 || peeked === -EAGAIN || peeked === -ECONNRESET;
  }

  #send(bytes: Uint8Array, descriptors: readonly { readonly fd: number }[]): number {
    const numbers = Int32Array.from(descriptors, (descriptor) => descriptor.fd);
    return this.#calls.sendmsg(this.fd, bytes, 0, bytes.length, numbers, numbers.length, 0);
  }

  /** Gives the descriptor up; the caller owns it now, and this socket is closed. */
  release(): OwnedFd {
    return new OwnedFd(this.#calls, this.#socket.release());
  }

  /** Hangs up. Harmless the second time. */
  close(): void {
    this.#socket.close();
  }

  [dispose](): void {
    this.close();
  }
}
