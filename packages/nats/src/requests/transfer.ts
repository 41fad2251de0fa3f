import { type BufferPool, clock } from '@pageferry/core';
import type { Piece } from '../protocol/piece.js';
import { InboundMessage } from '../receiving/inbound-message.js';

/** How much of a message may be asked for and not be here. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOW_PIECES = 16;
/** How often what is missing is asked for in vain before the other side is not believed to have it. */
const MOST_ATTEMPTS = 4;

/** A message that asks or answers. */
export class Incoming extends InboundMessage {
  readonly exchange: number;
  /** See `InboundMessage` of `core`. */
  readonly failure: unknown;

  /** @param exchange which question or answer it is. */
  constructor(
    pool: BufferPool,
    what: Pick<Piece, 'sequence' | 'byteLength' | 'tag'>,
    exchange: number,
    failure?: unknown,
  ) {
    super(pool, what);
    this.exchange = exchange;
    this.failure = failure;
  }
}

/** What a {@link Transfer} is made of. */
export interface TransferParts {
  readonly message: Incoming;
  /** How much memory to take for the message before its bytes are here. */
  readonly keptBytes: number;
  /** How many bytes a piece may have. */
  readonly pieceBytes: number;
  /** Asks the other side for these bytes. */
  readonly ask: (offset: number, byteLength: number) => void;
  /** Called once all of it is here. */
  readonly onWhole: () => void;
}

/**
 * Brings a message here: what came with its announcement, and then piece by piece what is asked for. So no more comes than
 * there is room for, and what is lost is asked for anew; doubles and another order do no harm.
 */
export class Transfer {
  readonly #parts: TransferParts;
  /** Lengths of the pieces that were asked for and are not here, by offset. */
  readonly #wanted = new Map<number, number>();
  /** Pieces that came before an earlier one. */
  readonly #ahead = new Map<number, Uint8Array>();
  #next = 0;
  /** When something of it came, and how often it was asked for since. */
  #movedAt = 0;
  #attempts = 0;
  #isOver = false;
  #isWhole = false;

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  get message(): Incoming {
    return this.#parts.message;
  }

  /** True once all of the message is here. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /**
   * Begins.
   *
   * @param first the first bytes of the message.
   */
  begin(first: Uint8Array): void {
    const { message, keptBytes } = this.#parts;
    if (first.length > 0) message.add(first, keptBytes);
    this.#next = first.length;
    this.#movedAt = clock.now();
    this.#goOn();
  }

  /**
   * Takes in a piece. False if it is none of this message's.
   *
   * @throws `SYSTEM_CALL_FAILED` when memory is short.
   */
  take(offset: number, bytes: Uint8Array): boolean {
    const wanted = this.#wanted.get(offset);
    // It may have come before.
    if (wanted === undefined) return offset < this.#next;
    if (bytes.length === 0 || bytes.length > wanted) return false;
    this.#movedAt = clock.now();
    this.#attempts = 0;
    this.#wanted.delete(offset);
    this.#ahead.set(offset, bytes);
    const rest = wanted - bytes.length;
    if (rest > 0) this.#want(offset + bytes.length, rest);
    const { message, keptBytes } = this.#parts;
    for (;;) {
      const next = this.#ahead.get(message.filled);
      if (next === undefined) break;
      this.#ahead.delete(message.filled);
      message.add(next, keptBytes);
    }
    this.#goOn();
    return true;
  }

  /**
   * Asks anew for what is missing if nothing has come for that long.
   *
   * @returns false if that was done in vain too often.
   */
  repeat(after: number): boolean {
    const silence = clock.now() - this.#movedAt;
    if (this.#wanted.size === 0 || silence < after * (this.#attempts + 1)) return true;
    if (++this.#attempts > MOST_ATTEMPTS) return false;
    this.askAgain();
    return true;
  }

  /** Asks anew for what is missing: what was said before may be lost. */
  askAgain(): void {
    for (const [offset, byteLength] of this.#wanted) this.#parts.ask(offset, byteLength);
  }

  /** Takes in nothing more. */
  stop(): void {
    this.#isOver = true;
    this.#wanted.clear();
    this.#ahead.clear();
  }

  #goOn(): void {
    if (this.#isOver) return;
    const { message, pieceBytes, onWhole } = this.#parts;
    if (message.filled === message.byteLength) {
      this.stop();
      this.#isWhole = true;
      onWhole();
      return;
    }
    while (this.#next < message.byteLength && this.#hasWindow(message.filled)) {
      const byteLength = Math.min(pieceBytes, message.byteLength - this.#next);
      this.#want(this.#next, byteLength);
      this.#next += byteLength;
    }
  }

  #hasWindow(filled: number): boolean {
    const count = this.#wanted.size + this.#ahead.size;
    return count === 0 || (count < WINDOW_PIECES && this.#next - filled < WINDOW_BYTES);
  }

  #want(offset: number, byteLength: number): void {
    this.#wanted.set(offset, byteLength);
    this.#parts.ask(offset, byteLength);
  }
}
