import { BufferPool, PageferryError, senderDied } from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { FRAME, FRAME_BYTES, type Frame, FrameReader } from '../protocol/frame.js';
import { InboundMessage } from './inbound-message.js';
import type { MessageSource } from './message-source.js';
import { ReadAhead } from './read-ahead.js';
import type { ByteSink, ReceiverSocket } from './receiver-socket.js';
import { Releases } from './releases.js';

/** Shorter pieces are read together with what follows them, and copied: it saves system calls. */
const WORTH_READING_ALONE = 16 * 1024;

/** How much is read before anybody asks for it: as much as a large pipe holds, and a frame. */
const READ_AHEAD_BYTES = 1024 * 1024 + FRAME_BYTES;

/**
 * Makes messages of what a sender says, and tells it what comes back. It takes in the message that somebody
 * asks for, and a limited part of what follows: then the socket rests, and the sender feels it.
 */
export class Inbox implements ByteSink, MessageSource {
  readonly #socket: ReceiverSocket;
  readonly #pool: BufferPool;
  readonly #sender: string;
  readonly #onChange: () => void;
  readonly #releases: Releases;
  readonly #reader = new FrameReader();
  readonly #unread = new ReadAhead();
  #current: InboundMessage | undefined;
  #nextSequence: number | undefined;
  #ended = false;
  #failure: PageferryError | undefined;

  /**
   * @param socket on which frames come next. The inbox takes it over.
   * @param keptBytes how much unused memory to keep for later messages.
   * @param sender in words, for errors.
   * @param onChange called when something has arrived or nothing more will.
   */
  constructor(socket: ReceiverSocket, keptBytes: number, sender: string, onChange: () => void) {
    this.#socket = socket;
    this.#releases = new Releases(socket);
    this.#pool = new BufferPool(keptBytes);
    this.#sender = sender;
    this.#onChange = onChange;
    socket.attach(this);
    socket.readOn();
  }

  get isOver(): boolean {
    return this.#socket.gone;
  }

  next(): InboundMessage | 'end' | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#current !== undefined) return this.#current;
    if (this.#ended) return 'end';
    const frame = this.#reader.read(this.#unread);
    if (frame !== undefined) return this.#open(frame);
    this.askForMore();
    return undefined;
  }

  fill(message: InboundMessage): void {
    message.absorb(this.#unread);
    if (this.#unread.byteLength < READ_AHEAD_BYTES / 2) this.#socket.readOn();
  }

  askForMore(): void {
    if (!this.#socket.gone) {
      this.#socket.readOn();
      return;
    }
    const when = this.#current === undefined ? undefined : 'in the middle of a message';
    this.#failure ??= senderDied(this.#sender, when, this.#socket.cause);
    throw this.#failure;
  }

  finish(message: InboundMessage): void {
    if (this.#current === message) this.#current = undefined;
  }

  giveBack(message: InboundMessage): void {
    this.finish(message);
    this.#pool.giveBack(message.takeMemory());
    this.#releases.add(message.sequence);
  }

  keepAlive(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  async hangUp(): Promise<void> {
    this.#pool.clear();
    if (this.#socket.gone) return;
    await new Promise((resolve) => {
      this.#socket.once('close', resolve);
      this.#socket.destroy();
    });
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

  #open(frame: Frame): InboundMessage | 'end' {
    const { kind, value, sequence } = frame;
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
    this.#current = new InboundMessage(this.#pool, frame);
    return this.#current;
  }
}
