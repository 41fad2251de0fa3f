import { type ReceiverConnection, senderMisbehaved } from '@pageferry/connection';
import {
  EAGAIN,
  type LinuxCalls,
  type OwnedFd,
  POLLIN,
  pollNow,
  SPLICE_F_MORE,
  SPLICE_F_NONBLOCK,
  systemCallError,
} from '@pageferry/linux';
import { ConsumedBytes } from '../flow/consumed-bytes.js';
import { paddingOf } from '../layout.js';
import type { Detour } from './detour.js';

/** The message that the pipe holds next: how long it is, and how many bytes of it were taken. */
export interface PipedMessage {
  readonly byteLength: number;
  readonly taken: number;
}

/**
 * The read end of the pipe that carries payload, and the ways to take bytes of a message out of it. Only what is
 * {@link available} may be asked for. All of them throw `PEER_DIED` if the pipe ends within the message,
 * `PEER_MISBEHAVED` if the bytes that were announced are not there, and `SYSTEM_CALL_FAILED`.
 */
export class PayloadPipe {
  readonly #calls: LinuxCalls;
  readonly #connection: ReceiverConnection;
  readonly #fd: OwnedFd;
  readonly #flow: ConsumedBytes;
  readonly #pageSize: number;
  readonly #pieceBytes: number;

  /** @param fd stays the caller's. */
  constructor(calls: LinuxCalls, connection: ReceiverConnection, fd: OwnedFd) {
    this.#calls = calls;
    this.#connection = connection;
    this.#fd = fd;
    this.#flow = new ConsumedBytes(connection);
    this.#pageSize = calls.pageSize();
    // As on the way in: a quarter of the pipe at a time keeps both sides at work at once.
    this.#pieceBytes = Math.max(this.#pageSize, calls.getPipeSize(fd.fd) >> 2);
  }

  /**
   * Bytes of the message that can be taken at once.
   *
   * @param least fewer bytes than this count as none.
   * @throws `PEER_DIED` if there are none and none will come, or what failed on this side.
   */
  available({ byteLength, taken }: PipedMessage, least = 1): number {
    // Before the look at the bytes: what was put in before the end is there by then.
    const gone = this.#connection.peerGone;
    const rest = byteLength - taken;
    const available = Math.min(this.#flow.available, rest, this.#pieceBytes);
    if (available >= least) return available;
    if (gone && rest > 0) throw this.#endedWithin();
    return 0;
  }

  /** Reads up to `length` bytes: one copy. Returns how many. */
  read(message: PipedMessage, bytes: Uint8Array, offset: number, length: number): number {
    const count = this.#calls.read(this.#fd.fd, bytes, offset, length);
    const taken = this.#taken(message, count, 'read');
    if (taken === 0) throw holdsLess();
    return taken;
  }

  /** Moves up to `length` bytes to `fd`, without a copy. Returns how many; 0 if `fd` has no room. */
  splice(message: PipedMessage, fd: number, length: number): number {
    const more = length < message.byteLength - message.taken;
    const flags = more ? SPLICE_F_NONBLOCK | SPLICE_F_MORE : SPLICE_F_NONBLOCK;
    return this.#spliced(message, this.#calls.splice(this.#fd.fd, fd, length, flags));
  }

  /**
   * As {@link splice}, on libuv's thread pool, for destinations that can block.
   *
   * @param detour what it goes through, where the destination may block for as long as it likes.
   */
  async spliceOnThread(
    message: PipedMessage,
    fd: number,
    length: number,
    detour?: Detour,
  ): Promise<number> {
    const from = this.#fd.fd;
    const moving =
      detour?.spliceOnThread(from, fd, length) ??
      this.#calls.spliceOnThread(from, fd, length, SPLICE_F_NONBLOCK);
    return this.#spliced(message, await moving);
  }

  /** Duplicates up to `length` bytes into the pipe `fd`, and takes none. Returns how many; 0 if it has no room. */
  tee(fd: number, length: number): number {
    const count = this.#calls.tee(this.#fd.fd, fd, length, SPLICE_F_NONBLOCK);
    if (count > 0) return count;
    if (count === 0) throw this.#endedWithin();
    if (count !== -EAGAIN) throw systemCallError('tee', count);
    this.#checkHoldsBytes();
    return 0;
  }

  #spliced(message: PipedMessage, count: number): number {
    const moved = this.#taken(message, count, 'splice');
    if (moved === 0) this.#checkHoldsBytes();
    return moved;
  }

  /** Tells the sender how much more room there is. */
  #taken({ byteLength, taken }: PipedMessage, count: number, syscall: string): number {
    if (count === -EAGAIN) return 0;
    if (count < 0) throw systemCallError(syscall, count);
    if (count === 0) throw this.#endedWithin();
    const isWhole = taken + count === byteLength;
    this.#flow.add(isWhole ? count + paddingOf(byteLength, this.#pageSize) : count);
    return count;
  }

  #checkHoldsBytes(): void {
    if (pollNow(this.#calls, this.#fd.fd, POLLIN) === 0) throw holdsLess();
  }

  #endedWithin(): unknown {
    return this.#connection.endedBy('in the middle of a message');
  }
}

function holdsLess(): Error {
  return senderMisbehaved('the pipe holds less than was announced');
}
