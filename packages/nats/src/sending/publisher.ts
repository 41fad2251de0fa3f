import type { Msg } from '@nats-io/transport-node';
import { clock } from '@pageferry/core';
import { type Engine, WORTH_LEAVING_ALONE } from '../engine/engine.js';
import { API_ERROR, isNotFound } from '../engine/errors.js';
import { pieceHeaders, pieceHeaderText } from '../protocol/piece.js';
import type { Outgoing } from './outgoing.js';

/** How much may be published that the servers have not confirmed. */
const WINDOW_BYTES = 8 * 1024 * 1024;
const WINDOW_PIECES = 1024;
/** How long the servers may say nothing of what was published before they are asked, in milliseconds. */
const PATIENCE = 2000;
/** How long to wait before a stream that was full, or could not be reached, is tried again, in milliseconds. */
const PAUSE = 100;

/** For how long the servers may say that a stream is gone before they are believed, in milliseconds. */
const DOUBT = 2000;

/** Why a stream has not stored a piece, though it may store it later. */
const FULL: ReadonlySet<number | undefined> = new Set([
  API_ERROR.storeFailed,
  API_ERROR.insufficientResources,
  API_ERROR.storageExceeded,
  API_ERROR.memoryExceeded,
]);

/** An error of the servers' API, as it answers. */
interface ApiErrorAnswer {
  readonly err_code?: number;
  readonly description?: string;
}

/** What the servers say in words that they have counted up to; `undefined` if they do not. */
function countIn({ description = '' }: ApiErrorAnswer): number | undefined {
  const [, count] = /: (\d{1,16})$/.exec(description) ?? [];
  return count === undefined ? undefined : Number(count);
}

/** What {@link Publisher} tells its sender. */
export interface PublisherEvents {
  /** The servers have all of this message, and of all before it. */
  readonly onStored: (message: Outgoing) => void;
  /** Something has changed that somebody may wait for. */
  readonly onChange: () => void;
  /** The program has had the memory of this message taken over before all of it was published. */
  readonly onCut: (message: Outgoing) => void;
  /** The stream is full: what nobody needs should go. */
  readonly onFull: () => void;
  /**
   * The servers have lost what they had confirmed of the pieces from `first` up to the one before `end`.
   *
   * @returns what is to be there instead; `undefined` if a receiver needs what this sender does not have any more.
   */
  readonly onForgotten: (first: number, end: number) => readonly Outgoing[] | undefined;
  /** True if somebody is not done with what is stored. */
  readonly isAwaited: () => boolean;
  /** The stream is gone, and all that was in it, or too much of that. */
  readonly onLost: () => void;
  /** The servers take no piece as long as those of this stream any more. */
  readonly onTooLong: () => void;
}

/**
 * Publishes messages piece by piece, in order, each once. The sender is the only one that publishes to its stream: so it
 * knows which number each piece gets there, and says so. Where an answer is lost, the last number in the stream tells
 * what has arrived. A server that was killed can have less than it had confirmed: then that is published anew, so that
 * the pieces that receivers know keep their numbers.
 */
export class Publisher {
  readonly #engine: Engine;
  readonly #subject: string;
  readonly #events: PublisherEvents;
  readonly #inbox: string;
  readonly #timer: NodeJS.Timeout;
  #stream: string;
  /** As all pieces of the stream: whoever counts them, or goes on in the middle of a message, relies on it. */
  #pieceBytes: number;
  /** Messages that the servers do not have whole. */
  readonly #queue: Outgoing[] = [];
  /** Place in the queue of the message that is published next. */
  #cursor = 0;
  /** Numbers in the stream: of the piece that is published next, of the last one that is stored, of the last of all. */
  #next = 1;
  #stored = 0;
  #last = 0;
  /** Lengths of the pieces that are published and not stored. */
  #lengths: number[] = [];
  #bytesUnderWay = 0;
  /** What the servers have counted up to when they refused a piece for its number; see {@link #before}. */
  #counted: number | undefined;
  /** How many pieces were refused since one was stored. */
  #refusals = 0;
  /** Answers to what was published before the last time that it was begun anew mean nothing. */
  #round = 0;
  #isFull = false;
  #isAsking = false;
  #isOver = false;
  /** What was stored when the timer ran last. */
  #storedBefore = 0;

  constructor(engine: Engine, subject: string, stream: string, events: PublisherEvents) {
    this.#engine = engine;
    this.#inbox = engine.createInbox();
    this.#subject = subject;
    this.#stream = stream;
    this.#pieceBytes = engine.pieceBytes;
    this.#events = events;
    engine.subscribe(`${this.#inbox}.*.*`, (message) => this.#noteAnswer(message));
    engine.onChange(() => {
      if (!engine.connected || this.#isOver) return;
      if (engine.pieceBytes < this.#pieceBytes) events.onTooLong();
      // Also where nothing is under way: the server may have been killed, and have lost what somebody is still to get.
      else if (this.#last > 0) void this.#askWhatIsStored();
    });
    this.#timer = clock.setInterval(() => this.#checkProgress(), PATIENCE);
    this.#timer.unref();
  }

  /** True while the stream takes nothing more. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** How many messages the servers do not have whole. */
  get length(): number {
    return this.#queue.length;
  }

  /**
   * How many bytes the pieces have that a message is cut into. The first has what is left: a short one goes to the servers
   * together with the next, and many long ones cost them more than few that are as long as can be.
   */
  get pieceBytes(): number {
    return this.#pieceBytes;
  }

  /** How many pieces a message has. */
  piecesOf(byteLength: number): number {
    return Math.max(1, Math.ceil(byteLength / this.#pieceBytes));
  }

  /** The number in the stream that the first piece of the next message will get. */
  get nextNumber(): number {
    return this.#last + 1;
  }

  /** Number in the stream of the last piece that is stored. */
  get stored(): number {
    return this.#stored;
  }

  /** Publishes a message whose pieces begin at {@link nextNumber}. Its memory must not change until it is stored. */
  add(message: Outgoing): void {
    this.#queue.push(message);
    this.#last = message.last;
    this.#pump();
  }

  /** There may be room in the stream again. */
  retry(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#pump();
    this.#events.onChange();
  }

  /** Goes on behind what another sender has left in the stream. */
  resume(stored: number, pieceBytes: number): void {
    this.#pieceBytes = pieceBytes;
    this.#last = stored;
    this.#stored = stored;
    this.#begin(stored + 1);
  }

  /** Goes on with another stream, which is empty. What was under way is forgotten. */
  restart(stream: string): void {
    this.#stream = stream;
    this.#pieceBytes = this.#engine.pieceBytes;
    this.#queue.length = 0;
    this.#last = 0;
    this.#stored = 0;
    this.#begin(1);
  }

  /** Publishes nothing more. */
  stop(): void {
    this.#isOver = true;
    clock.clearInterval(this.#timer);
  }

  #pump(): void {
    if (this.#isFull || this.#isAsking || this.#isOver || !this.#engine.connected) return;
    while (this.#next <= this.#last && this.#hasWindow()) {
      const message = this.#queue[this.#cursor] as Outgoing;
      const length = this.#publish(message, this.#next);
      this.#lengths.push(length);
      this.#bytesUnderWay += length;
      if (this.#next === message.last) this.#cursor++;
      this.#next++;
    }
  }

  #hasWindow(): boolean {
    const count = this.#lengths.length;
    return count === 0 || (this.#bytesUnderWay < WINDOW_BYTES && count < WINDOW_PIECES);
  }

  /** @returns how many bytes the piece has. */
  #publish(message: Outgoing, number: number): number {
    const reply = `${this.#inbox}.${this.#round}.${number}`;
    const send = (bytes: Uint8Array | undefined, ...words: readonly (string | number)[]): void =>
      this.#engine.publish(
        this.#subject,
        bytes,
        reply,
        pieceHeaders(this.#before(number), ...words),
      );
    const { kind, sequence, byteLength, tag, last, memory } = message;
    if (kind === 'end') {
      send(undefined, 'end', sequence);
      return 0;
    }
    if (kind === 'gone') {
      send(undefined, 'gone');
      return 0;
    }
    if (memory === undefined || memory.buffer.length === 0) {
      if (memory !== undefined) this.#events.onCut(message);
      send(undefined, 'cut', sequence);
      return 0;
    }
    const end = byteLength - (last - number) * this.#pieceBytes;
    const offset = Math.max(0, end - this.#pieceBytes);
    const piece = memory.bytes.subarray(offset, end);
    const words = ['part', sequence, offset, byteLength, tag] as const;
    // Nothing refers to the memory of a loan any more when the program is back at work.
    if (piece.length <= WORTH_LEAVING_ALONE) {
      send(Uint8Array.from(piece), ...words);
      return piece.length;
    }
    const headers = pieceHeaderText(this.#before(number), ...words);
    const inPlace = memory.inPlace !== undefined;
    this.#engine.publishLong(this.#subject, piece, reply, headers, inPlace);
    return piece.length;
  }

  /**
   * What the servers are to have counted up to before a piece: the number before. Version 2.9.10 of the server, where it was
   * killed and has not kept the end of a stream, but how far its consumers were, can count on from less than it says is in
   * the stream. The piece gets its number all the same.
   */
  #before(number: number): number {
    const isFirst = number === this.#stored + 1;
    return isFirst ? Math.min(this.#counted ?? this.#stored, this.#stored) : number - 1;
  }

  #noteAnswer(message: Msg): void {
    const [number = '', round] = message.subject.split('.').reverse();
    if (Number(round) !== this.#round || this.#isOver) return;
    if (message.headers?.code === 503) {
      void this.#askWhatIsStored();
      return;
    }
    const { error, seq } = message.json<{
      readonly error?: ApiErrorAnswer;
      readonly seq?: number;
    }>();
    if (error === undefined && seq !== Number(number)) {
      // Receivers would take it for another one.
      this.#events.onLost();
    } else if (error === undefined) {
      this.#noteStored(Number(number));
      this.#pump();
    } else if (FULL.has(error.err_code)) {
      this.#noteFull(Number(number));
    } else {
      if (error.err_code === API_ERROR.wrongLastSequence) this.#counted = countIn(error);
      this.#refusals++;
      void this.#askWhatIsStored();
    }
  }

  #noteStored(number: number): void {
    while (this.#stored < number && this.#stored < this.#last) {
      this.#stored++;
      this.#counted = undefined;
      this.#refusals = 0;
      this.#bytesUnderWay -= this.#lengths.shift() ?? 0;
      const message = this.#queue[0] as Outgoing;
      if (message.last > this.#stored) continue;
      this.#queue.shift();
      this.#cursor--;
      message.hasLeft = true;
      this.#events.onStored(message);
    }
    this.#events.onChange();
  }

  #noteFull(number: number): void {
    this.#isFull = true;
    this.#begin(number);
    this.#events.onFull();
    this.#soon(() => this.retry());
  }

  /** Publishes anew from a piece on that is not stored. */
  #begin(number: number): void {
    this.#round++;
    this.#next = number;
    this.#lengths = [];
    this.#bytesUnderWay = 0;
    this.#cursor = this.#queue.findIndex(({ last }) => last >= number);
    if (this.#cursor < 0) this.#cursor = this.#queue.length;
  }

  async #askWhatIsStored(): Promise<void> {
    if (this.#isAsking || this.#isOver) return;
    this.#isAsking = true;
    // Somebody else may publish to the stream, say: what is refused again and again is not tried again at once.
    if (this.#refusals > 1) await new Promise<void>((resolve) => this.#soon(resolve));
    const stored = await this.#findStored();
    if (this.#isOver) return;
    const isThere = stored !== undefined && this.#goBackTo(stored);
    if (isThere) {
      this.#noteStored(stored);
      // There may be more than this sender has sent: of one that it has followed.
      this.#begin(this.#stored + 1);
    }
    this.#isAsking = false;
    if (isThere) this.#pump();
    else this.#events.onLost();
  }

  /** Has what the servers have lost of what they had confirmed published anew. False if that cannot be. */
  #goBackTo(stored: number): boolean {
    if (stored >= this.#stored) return true;
    // What they did not have whole is in the queue.
    const end = this.#queue[0]?.first ?? this.#last + 1;
    const again = this.#events.onForgotten(stored + 1, end);
    if (again === undefined) return false;
    for (const message of again) message.hasLeft = false;
    this.#queue.unshift(...again);
    this.#stored = stored;
    this.#begin(stored + 1);
    return true;
  }

  /**
   * Asks for the last number in the stream. A server that has just come to lead a stream may not know all of it yet: one
   * that says less than was confirmed is believed after a while.
   *
   * @returns `undefined` if there is no stream.
   */
  async #findStored(): Promise<number | undefined> {
    let doubtSince: number | undefined;
    while (!this.#isOver) {
      const stream = this.#stream;
      let found: number | undefined;
      try {
        const { state } = await this.#engine.api.streams.info(stream);
        if (stream !== this.#stream) continue;
        found = state.last_seq;
        if (found >= this.#stored) return found;
        doubtSince ??= clock.now();
      } catch (error) {
        // Out of reach, it says neither.
        doubtSince = isNotFound(error) ? (doubtSince ?? clock.now()) : undefined;
      }
      if (doubtSince !== undefined && clock.now() - doubtSince > DOUBT) return found;
      await new Promise<void>((resolve) => this.#soon(resolve));
    }
    return undefined;
  }

  #checkProgress(): void {
    // In a cluster the server that had the stream may be another one than this sender is connected to.
    const isAwaited = this.#lengths.length > 0 || this.#events.isAwaited();
    const isStuck = isAwaited && this.#stored === this.#storedBefore;
    this.#storedBefore = this.#stored;
    if (isStuck && this.#engine.connected) void this.#askWhatIsStored();
  }

  #soon(action: () => void): void {
    clock.setTimeout(action, PAUSE).unref();
  }
}
