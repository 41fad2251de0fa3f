import {
  BaseReceiver,
  checkIsOpen,
  type DeliveryMemory,
  isPageferryError,
  PageferryError,
  type SpliceResult,
  senderAt,
  WaitList,
  withBytesTransferred,
  withEither,
  writeToDescriptor,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { BufferPool } from '../memory/buffer-pool.js';
import type { ReceiverSettings } from '../options.js';
import { connectToSender } from './connect.js';
import type { InboundMessage } from './inbound-message.js';
import { Inbox } from './inbox.js';
import { settledOrGivenUp } from './patience.js';
import type { ReceiverSocket } from './receiver-socket.js';
import { Releases } from './releases.js';

interface BufferDelivery extends DeliveryMemory {
  /** The pool's buffer that `bytes` are a part of. */
  readonly buffer: Buffer;
  /** Of the bytes, which have none once a program has detached them. */
  readonly byteLength: number;
}

/** How much of a message that is moved on is in memory at a time. */
const WINDOW_BYTES = 2 * 1024 * 1024;

/** How much is written at once: an abort takes effect in between. */
const PIECE_BYTES = 512 * 1024;

/** The receiving side of the socket transport. */
export class SocketReceiver extends BaseReceiver<BufferDelivery> {
  readonly #socket: ReceiverSocket;
  readonly #maxBorrowedBytes: number;
  readonly #pool: BufferPool;
  readonly #inbox: Inbox;
  readonly #releases: Releases;
  readonly #waits = new WaitList();
  readonly #closing = new AbortController();
  #bytesHeld = 0;

  /** @param socket on which frames come next. The receiver takes it over. */
  constructor(settings: ReceiverSettings, socket: ReceiverSocket) {
    const sender = senderAt(settings.endpoint);
    super({ ...settings, capabilities, sender });
    this.#socket = socket;
    this.#maxBorrowedBytes = settings.maxBorrowedBytes;
    this.#pool = new BufferPool(settings.maxBorrowedBytes);
    this.#inbox = new Inbox(socket, this.#pool, sender, () => this.#waits.wake());
    this.#releases = new Releases(socket);
  }

  /**
   * Connects to a sender.
   *
   * @throws as `Transport.createReceiver`.
   */
  static async create(
    settings: ReceiverSettings,
    signal: AbortSignal | undefined,
  ): Promise<SocketReceiver> {
    return new SocketReceiver(settings, await connectToSender(settings.endpoint, signal));
  }

  protected override poll(): BufferDelivery | 'end' | undefined {
    const message = this.#inbox.next();
    if (message === undefined || message === 'end') return message;
    // What an earlier call has given up on may still be writing.
    if (message.moving || !this.#mayHold(message.rest)) return undefined;
    this.#gather(message);
    if (!message.whole) return undefined;
    this.#inbox.finish();
    this.#bytesHeld += message.rest;
    const { sequence, moved: offset, rest: byteLength } = message;
    // Nobody else is shown an empty one: a program can detach it.
    const bytes = byteLength === 0 ? Buffer.alloc(0) : message.bytes;
    return { bytes, sequence, offset, byteLength, buffer: message.takeMemory() };
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.wait(ready, signal);
  }

  protected override giveBack(memory: BufferDelivery): void {
    this.#bytesHeld -= memory.byteLength;
    this.#pool.giveBack(memory.buffer);
    this.#releases.add(memory.sequence);
    // A receive may wait for this room.
    if (this.#waits.size > 0) this.#waits.wake();
  }

  protected override async moveTo(
    fd: number,
    _teeFd: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SpliceResult | undefined> {
    let next: InboundMessage | 'end' | undefined;
    await this.waitUntil(() => {
      next = this.#inbox.next();
      return next !== undefined && (next === 'end' || !next.moving);
    }, signal);
    const message = next as unknown as InboundMessage | 'end';
    if (message === 'end') return undefined;
    const start = message.moved;
    try {
      if (message.byteLength === 0) checkIsOpen(fd);
      await withEither(signal, this.#closing.signal, async (stop) => {
        while (message.rest > 0) {
          await this.waitUntil(() => this.#hasPiece(message), signal);
          await settledOrGivenUp(this.#movePiece(message, fd, stop), stop);
        }
      });
    } catch (error) {
      throw withBytesTransferred(error, message.moved - start);
    }
    this.#inbox.finish();
    this.#pool.giveBack(message.takeMemory());
    this.#releases.add(message.sequence);
    return {
      byteLength: message.moved - start,
      sequence: message.sequence,
      method: 'read-write',
      userSpaceCopies: 2,
    };
  }

  protected override waitsFor(): 'message' | 'rest' | 'release' {
    const message = this.#inbox.next();
    if (message === undefined || message === 'end') return 'message';
    return this.#mayHold(message.rest) ? 'rest' : 'release';
  }

  protected override keepAlive(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  protected override async hangUp(): Promise<void> {
    const closed = new PageferryError('CLOSED', 'this receiver is closed');
    this.#closing.abort(closed);
    this.#waits.fail(closed);
    this.#pool.clear();
    if (this.#socket.gone) return;
    await new Promise((resolve) => {
      this.#socket.once('close', resolve);
      this.#socket.destroy();
    });
  }

  /** Whether the caller may hold so many more bytes. */
  #mayHold(byteLength: number): boolean {
    return this.#bytesHeld === 0 || this.#bytesHeld + byteLength <= this.#maxBorrowedBytes;
  }

  /**
   * Takes in what is here of a message, into memory of one piece. What a sender claims beyond what
   * the caller wants to hold anyway, it has to show: memory grows with what arrives.
   */
  #gather(message: InboundMessage): void {
    this.#inbox.fill(message);
    while (!message.whole && message.room === 0) {
      const wanted = Math.max(this.#maxBorrowedBytes, 2 * message.bytes.length);
      message.reserve(Math.min(message.rest, wanted));
      this.#inbox.fill(message);
    }
    if (!message.whole) this.#inbox.askForMore();
  }

  /** True if a part of the message can be written. */
  #hasPiece(message: InboundMessage): boolean {
    const isEmpty = message.bytes.length === 0;
    if (isEmpty && message.room === 0) message.reserve(Math.min(message.rest, WINDOW_BYTES));
    this.#inbox.fill(message);
    const here = message.bytes.length;
    if (message.whole || message.room === 0 || here >= PIECE_BYTES) return true;
    // What has come is moved on, also when nothing more will.
    if (here > 0 && this.#socket.gone) return true;
    this.#inbox.askForMore();
    return false;
  }

  async #movePiece(message: InboundMessage, fd: number, stop: AbortSignal): Promise<void> {
    message.moving = true;
    try {
      message.advance(await writeToDescriptor(fd, message.bytes.subarray(0, PIECE_BYTES), stop));
    } catch (error) {
      if (isPageferryError(error)) message.advance(error.bytesTransferred ?? 0);
      throw error;
    } finally {
      message.moving = false;
      this.#waits.wake();
    }
  }
}
