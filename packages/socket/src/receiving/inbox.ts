import { PageferryError, senderDied } from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { BufferPool } from '../memory/buffer-pool.js';
import { FRAME, FRAME_BYTES, type Frame, FrameReader } from '../protocol/frame.js';
import { InboundMessage } from './inbound-message.js';
import { ReadAhead } from './read-ahead.js';
import type { ByteSink, ReceiverSocket } from './receiver-socket.js';

/** Shorter pieces are read together with what follows them, and copied: it saves system calls. */
const WORTH_READING_ALONE = 16 * 1024;

/** How much is read before anybody asks for it: as much as a large pipe holds, and a frame. */
const READ_AHEAD_BYTES = 1024 * 1024 + FRAME_BYTES;

/**
 * Makes messages of what arrives. It takes in the message that somebody asks for, and a limited part
 * of what follows: then the socket rests, and the sender feels it.
 */
export class Inbox implements ByteSink {
  readonly #socket: ReceiverSocket;
  readonly #pool: BufferPool;
  readonly #sender: string;
  readonly #onChange: () => void;
  readonly #reader = new FrameReader();
  readonly #unread = new ReadAhead();
  #current: InboundMessage | undefined;
  #nextSequence: number | undefined;
  #ended = false;
  #failure: PageferryError | undefined;

  /**
   * @param socket on which frames come next. Stays the caller's.
   * @param sender in words, for errors.
   * @param onChange called when something has arrived or nothing more will.
   */
  constructor(socket: ReceiverSocket, pool: BufferPool, sender: string, onChange: () => void) {
    this.#socket = socket;
    this.#pool = pool;
    this.#sender = sender;
    this.#onChange = onChange;
    socket.attach(this);
    socket.readOn();
  }

  /**
   * The message that comes next, whole or not; `'end'` after an orderly end; `undefined` while
   * nothing of it is here.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`; the same each time.
   */
  next(): InboundMessage | 'end' | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#current !== undefined) return this.#current;
    if (this.#ended) return 'end';
    const frame = this.#reader.read(this.#unread);
    if (frame !== undefined) return this.#open(frame);
    this.askForMore();
    return undefined;
  }

  /** Takes in what is here of the current message, as far as its memory has room. */
  fill(message: InboundMessage): void {
    message.absorb(this.#unread);
    if (this.#unread.byteLength < READ_AHEAD_BYTES / 2) this.#socket.readOn();
  }

  /**
   * Asks for what is not here yet.
   *
   * @throws `PEER_DIED` if it will never come.
   */
  askForMore(): void {
    if (!this.#socket.gone) {
      this.#socket.readOn();
      return;
    }
    const when = this.#current === undefined ? undefined : 'in the middle of a message';
    this.#failure ??= senderDied(this.#sender, when, this.#socket.cause);
    throw this.#failure;
  }

  /** Goes on to the next message, once this one was handed on. */
  finish(message: InboundMessage): void {
    if (this.#current === message) this.#current = undefined;
  }

  target(): Buffer {
    const message = this.#current;
    const isNext = message !== undefined && this.#unread.byteLength === 0;
    return isNext && message.room >= WORTH_READING_ALONE ? message.vacant() : this.#unread.vacant();
  }

  arrived(bytes: Buffer): boolean {
    if (!this.#current?.takeInPlace(bytes)) this.#unread.add(bytes);
    this.#onChange();
    const isOver = this.#ended || this.#failure !== undefined;
    return !isOver && this.#unread.byteLength < READ_AHEAD_BYTES;
  }

  gone(): void {
    this.#onChange();
  }

  #open({ kind, value, sequence, tag }: Frame): InboundMessage | 'end' {
    const expected = this.#nextSequence ?? sequence;
    if (kind === FRAME.end && sequence === expected) {
      this.#ended = true;
      this.#socket.destroy();
      return 'end';
    }
    const possible = value <= capabilities.maxMessageBytes && Number.isSafeInteger(sequence + 1);
    if (kind !== FRAME.message || sequence !== expected || !possible) {
      this.#failure = new PageferryError('PEER_MISBEHAVED', 'the sender broke the protocol');
      this.#socket.destroy();
      throw this.#failure;
    }
    this.#nextSequence = sequence + 1;
    this.#current = new InboundMessage(this.#pool, sequence, value, tag);
    return this.#current;
  }
}
