import { type BufferPool, type PageferryError, senderDied } from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import { MAX_UNDER_WAY, PIECE_BYTES, WINDOW_BYTES } from '../protocol/channel.js';
import { BufferSource, type Frame } from '../protocol/frame.js';
import { InboundMessage } from '../receiving/inbound-message.js';
import type { MessageSource } from '../receiving/message-source.js';
import { ReadAhead } from '../receiving/read-ahead.js';
import type { Releases } from '../receiving/releases.js';

/** What a {@link ChannelInbox} needs. */
export interface ChannelInboxSettings {
  /** The other side in words, for errors. */
  readonly peer: string;
  /** Where memory for what comes is from, and goes back to. Stays the caller's. */
  readonly pool: BufferPool;
  readonly releases: Releases;
  /** Ends the channel's connection; see `MessageSource.hangUp`. */
  readonly hangUp: () => Promise<void>;
}

/**
 * What one side of a channel receives. It takes in all that comes: what the program asks for, and no more than the
 * window of what it has not asked for.
 */
export class ChannelInbox implements MessageSource {
  readonly #peer: string;
  readonly #pool: BufferPool;
  readonly #releases: Releases;
  readonly #hangUp: () => Promise<void>;
  /** Bytes of messages that nobody has asked for. */
  readonly #unread: ReadAhead;
  /** Messages that have begun to come, and that nobody has asked for. */
  readonly #announced: InboundMessage[] = [];
  /** The one that was asked for last, until it was handed on. */
  #current: InboundMessage | undefined;
  /** How many have begun to come and were not given back. */
  #unreleased = 0;
  #nextSequence = 0;
  /** How many bytes of the newest message are still to come. */
  #missing = 0;
  /** How many of them come before the next frame. */
  #due = 0;
  /** How many bytes the other side may send. */
  #window = WINDOW_BYTES;
  /** How many the program has asked for since that was said last. */
  #consumed = 0;
  #ended = false;
  #isOver = false;
  #failure: unknown;

  constructor({ peer, pool, releases, hangUp }: ChannelInboxSettings) {
    this.#peer = peer;
    this.#pool = pool;
    this.#unread = new ReadAhead(pool);
    this.#releases = releases;
    this.#hangUp = hangUp;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  next(): InboundMessage | 'end' | undefined {
    this.#current ??= this.#announced.shift();
    if (this.#current !== undefined) return this.#current;
    if (this.#ended) return 'end';
    if (this.#isOver) throw this.#failure;
    return undefined;
  }

  fill(message: InboundMessage): void {
    const before = this.#unread.byteLength;
    message.absorb(this.#unread);
    this.#consume(before - this.#unread.byteLength);
  }

  askForMore(): void {
    if (this.#isOver) throw this.#failure;
  }

  finish(message: InboundMessage): void {
    if (this.#current === message) this.#current = undefined;
  }

  giveBack(message: InboundMessage): void {
    this.finish(message);
    this.#pool.giveBack(message.takeMemory());
    this.#unreleased--;
    this.#releases.add(message.sequence);
  }

  keepAlive(): void {
    // The channel sees to that, for both directions.
  }

  hangUp(): Promise<void> {
    this.#unread.clear();
    return this.#hangUp();
  }

  /** How many bytes of a message come before the next frame. */
  get due(): number {
    return this.#due;
  }

  /** A message begins. False if it must not. */
  begin(frame: Frame): boolean {
    const { value, sequence } = frame;
    if (this.#ended || this.#missing > 0 || sequence !== this.#nextSequence) return false;
    if (value > capabilities.maxMessageBytes || this.#unreleased === MAX_UNDER_WAY) return false;
    this.#nextSequence++;
    this.#unreleased++;
    this.#missing = value;
    this.#announced.push(new InboundMessage(this.#pool, frame));
    return this.#expect(Math.min(value, PIECE_BYTES));
  }

  /** More of the newest message comes. False if it must not. */
  goOn({ value }: Frame): boolean {
    return value > 0 && value <= this.#missing && this.#expect(value);
  }

  /** Nothing more comes, in good order. False if it must not be said. */
  end({ sequence }: Frame): boolean {
    if (this.#ended || this.#missing > 0 || sequence !== this.#nextSequence) return false;
    this.#ended = true;
    return true;
  }

  /** Takes in bytes of the newest message, not more than are {@link due}. */
  take(bytes: Buffer): void {
    this.#due -= bytes.length;
    this.#missing -= bytes.length;
    const source = new BufferSource(bytes);
    // What was asked for already goes where it belongs.
    if (this.#unread.byteLength === 0) this.#current?.absorb(source);
    this.#consume(source.position);
    if (source.position < bytes.length) this.#unread.add(bytes.subarray(source.position));
  }

  /**
   * Nothing more will come. Harmless the second time.
   *
   * @param failure why, if it is not that the other side has hung up.
   * @param cause what the system said, if it did.
   */
  close(failure: unknown, cause?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure ?? this.#died(cause);
  }

  #died(cause: unknown): PageferryError {
    return senderDied(
      this.#peer,
      this.#missing > 0 ? 'in the middle of a message' : undefined,
      cause,
    );
  }

  #expect(byteLength: number): boolean {
    this.#due = byteLength;
    this.#window -= byteLength;
    return this.#window >= 0;
  }

  /** So much has gone on to where the program wants it: as much may come for it. */
  #consume(byteLength: number): void {
    this.#consumed += byteLength;
    // Not for each message: half of the window is enough for the next piece, whatever its size.
    if (this.#consumed < WINDOW_BYTES / 2) return;
    this.#window += this.#consumed;
    this.#releases.grant(this.#consumed);
    this.#consumed = 0;
  }
}
