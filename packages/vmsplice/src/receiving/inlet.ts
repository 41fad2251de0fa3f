import { createEntry, type ReceiverConnection, senderMisbehaved } from '@pageferry/connection';
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
import type { PagePool, Slot } from '../memory/page-pool.js';
import { DELIVERY, DISPOSITION, MAX_MESSAGE_BYTES, paddingOf } from '../protocol.js';
import type { InboundMessage } from './inbound.js';

/** What an {@link Inlet} needs. It takes the connection and the pipe over. */
export interface InletSettings {
  readonly calls: LinuxCalls;
  readonly connection: ReceiverConnection;
  readonly pipe: OwnedFd;
  readonly pool: PagePool;
}

/** The receiving end of the pipe: the message in progress, and the three ways out of the pipe. */
export class Inlet {
  readonly #settings: InletSettings;
  readonly #entry = createEntry();
  readonly #pageSize: number;
  readonly #pieceBytes: number;
  #nextSequence: number | undefined;
  #current: InboundMessage | undefined;

  constructor(settings: InletSettings) {
    this.#settings = settings;
    this.#pageSize = settings.calls.pageSize();
    // As on the way in: a quarter of the pipe at a time keeps both sides at work at once.
    const pipeBytes = settings.calls.getPipeSize(settings.pipe.fd);
    this.#pieceBytes = Math.max(this.#pageSize, pipeBytes >> 2);
  }

  /** The descriptor of the pipe's read end. */
  get fd(): number {
    return this.#settings.pipe.fd;
  }

  /**
   * The message in progress, or the next one if it was announced; `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` when everything that was announced is drained, `PEER_MISBEHAVED`.
   */
  message(): InboundMessage | 'end' | undefined {
    if (this.#current !== undefined) return this.#current;
    const { connection } = this.#settings;
    const available = connection.deliveriesAvailable() || connection.lookAgain();
    if (available === 0) return undefined;
    if (available === 'end') return available;
    if (available < 0 || available > connection.capacity)
      throw senderMisbehaved('its queue overflows');
    connection.takeDelivery(this.#entry);
    this.#current = this.#checked();
    return this.#current;
  }

  /** What is waited for: a message; the rest of the one in progress; or room in the pool for it. */
  state(): 'message' | 'rest' | 'release' {
    const message = this.#current;
    if (message === undefined) return 'message';
    // Memory for it is the first thing that a receive takes.
    return message.carry === undefined && !this.#settings.pool.hasRoomFor(message.byteLength)
      ? 'release'
      : 'rest';
  }

  /**
   * Bytes of the message in progress that can be taken out of the pipe at once.
   *
   * @param least fewer bytes than this count as none.
   * @throws `PEER_DIED` if there are none and none will come, or what failed on this side.
   */
  available(message: InboundMessage, least = 1): number {
    const { connection } = this.#settings;
    const gone = connection.peerGone;
    const rest = message.byteLength - message.taken;
    const available = Math.min(connection.bytesAvailable(), rest, this.#pieceBytes);
    if (available >= least) return available;
    if (gone && rest > 0) throw connection.endedBy('in the middle of a message');
    return 0;
  }

  /**
   * Reads part of the message into `slot`: one copy. Only what is {@link available}.
   *
   * @returns bytes read.
   * @throws `PEER_DIED` if the pipe ends within the message, `PEER_MISBEHAVED` if the bytes that
   *   were announced are not there, `SYSTEM_CALL_FAILED`.
   */
  read(message: InboundMessage, slot: Slot, offset: number, length: number): number {
    const { calls, pipe } = this.#settings;
    const count = this.#taken(message, calls.read(pipe.fd, slot.inner, offset, length), 'read');
    if (count === 0) throw senderMisbehaved('the pipe holds less than was announced');
    return count;
  }

  /**
   * Moves part of the message to `fd` without bringing it into user memory. Only what is
   * {@link available}.
   *
   * @returns bytes moved; 0 if `fd` has no room.
   * @throws `PEER_DIED` if the pipe ends within the message, `PEER_MISBEHAVED` if the bytes that
   *   were announced are not there, `SYSTEM_CALL_FAILED`.
   */
  splice(message: InboundMessage, fd: number, length: number): number {
    const { calls, pipe } = this.#settings;
    const rest = message.byteLength - message.taken;
    const flags = length < rest ? SPLICE_F_NONBLOCK | SPLICE_F_MORE : SPLICE_F_NONBLOCK;
    return this.#spliced(message, calls.splice(pipe.fd, fd, length, flags));
  }

  /** As {@link splice}, on libuv's thread pool, for destinations that can block. */
  async spliceOnThread(message: InboundMessage, fd: number, length: number): Promise<number> {
    const { calls, pipe } = this.#settings;
    const count = await calls.spliceOnThread(pipe.fd, fd, length, SPLICE_F_NONBLOCK);
    return this.#spliced(message, count);
  }

  /**
   * Duplicates what is in the pipe into another one, without taking it.
   *
   * @returns bytes duplicated; 0 if `fd` has no room.
   * @throws `PEER_DIED` if the pipe ends within the message, `PEER_MISBEHAVED` if the bytes that
   *   were announced are not there, `SYSTEM_CALL_FAILED`.
   */
  tee(message: InboundMessage, fd: number, length: number): number {
    const { calls, pipe } = this.#settings;
    const count = calls.tee(pipe.fd, fd, length, SPLICE_F_NONBLOCK);
    if (count === -EAGAIN) {
      this.#checkPipeHoldsBytes();
      return 0;
    }
    if (count < 0) throw systemCallError('tee', count);
    if (count === 0) throw this.#settings.connection.endedBy('in the middle of a message');
    message.referenced = true;
    return count;
  }

  /** Ends the message in progress: gives it back to the sender. */
  finish(message: InboundMessage): void {
    this.#current = undefined;
    const disposition = message.referenced ? DISPOSITION.referenced : DISPOSITION.done;
    this.#settings.connection.giveBack(message.sequence | 0, disposition, 0, 0);
  }

  /**
   * Memory with what was taken out of the pipe but not moved on, at its beginning, and room for the
   * rest of the message. `undefined` if the pool has no room.
   */
  gather(message: InboundMessage): Slot | undefined {
    const { pool } = this.#settings;
    const length = message.byteLength - message.moved;
    const { carry } = message;
    if (carry?.start === 0 && carry.slot.inner.length === length) return carry.slot;
    const slot = pool.take(length);
    if (slot === undefined) return undefined;
    if (carry !== undefined) {
      slot.inner.set(carry.slot.inner.subarray(carry.start, carry.end));
      carry.pool.giveBack(carry.slot);
    }
    message.carry = { slot, pool, start: 0, end: message.taken - message.moved };
    return slot;
  }

  #spliced(message: InboundMessage, count: number): number {
    const moved = this.#taken(message, count, 'splice');
    message.moved += moved;
    if (moved === 0) this.#checkPipeHoldsBytes();
    return moved;
  }

  #checkPipeHoldsBytes(): void {
    if (pollNow(this.#settings.calls, this.fd, POLLIN) === 0) {
      throw senderMisbehaved('the pipe holds less than was announced');
    }
  }

  #taken(message: InboundMessage, count: number, syscall: string): number {
    if (count === -EAGAIN) return 0;
    if (count < 0) throw systemCallError(syscall, count);
    if (count === 0) throw this.#settings.connection.endedBy('in the middle of a message');
    message.taken += count;
    const { byteLength } = message;
    const padding = message.taken === byteLength ? paddingOf(byteLength, this.#pageSize) : 0;
    this.#settings.connection.consume(count + padding);
    return count;
  }

  #checked(): InboundMessage {
    const low = (this.#entry[DELIVERY.lengthLow] as number) >>> 0;
    const high = (this.#entry[DELIVERY.lengthHigh] as number) >>> 0;
    const byteLength = high * 2 ** 32 + low;
    if (byteLength > MAX_MESSAGE_BYTES)
      throw senderMisbehaved(`a message claims ${byteLength} bytes`);
    const sequence = this.#sequence((this.#entry[DELIVERY.sequenceLow] as number) >>> 0);
    return {
      sequence,
      byteLength,
      taken: 0,
      moved: 0,
      teed: 0,
      referenced: false,
      carry: undefined,
    };
  }

  /** The full sequence number; the queue carries its lower 32 bits. */
  #sequence(low: number): number {
    const expected = this.#nextSequence ?? low;
    if (expected % 2 ** 32 !== low) throw senderMisbehaved('its messages are out of order');
    this.#nextSequence = expected + 1;
    return expected;
  }
}
