import { BufferPool, PageferryError, senderDied } from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { BehindPolicy } from '../options.js';
import { InboundMessage } from './inbound-message.js';
import { type Arrived, Intake, type IntakeParts } from './intake.js';

/** Pieces of longer messages are acknowledged one by one. Those of others together: that is one write to the socket. */
const LONG = 1024 * 1024;

/** What an {@link Inbox} is made of. */
export interface InboxParts extends IntakeParts {
  readonly whenBehind: BehindPolicy;
  readonly queueDepth: number;
  /** How much unused memory to keep for later messages, and to take for a message before its bytes are here. */
  readonly keptBytes: number;
  /** The sender in words, for errors. */
  readonly sender: string;
  /** Called when something has arrived, or nothing more will. */
  readonly onChange: () => void;
}

/** Makes messages of the pieces that arrive, and drops some of them if the receiver would rather miss them. */
export class Inbox {
  readonly #parts: InboxParts;
  readonly #pool: BufferPool;
  readonly #intake: Intake;
  /** Pieces that arrived and were not taken. */
  readonly #queue: Arrived[] = [];
  /** How much of the first one was taken. */
  #used = 0;
  /** How many messages are in the queue to their last piece, of a receiver that drops: but for the one that is {@link #begun}. */
  #whole = 0;
  /** The message that is arriving, as long as nothing of it is missing. */
  #arriving: { readonly sequence: number; end: number } | undefined;
  /** Number of the message that is being taken, of a receiver that drops: that one is not dropped any more. */
  #begun: number | undefined;
  /** Number of the message after the last one of which a piece has arrived. */
  #nextSequence: number | undefined;
  #dropped = 0;
  #hasEnded = false;
  #failure: PageferryError | undefined;

  constructor(parts: InboxParts) {
    this.#parts = parts;
    this.#pool = new BufferPool(parts.keptBytes);
    this.#intake = new Intake(parts, {
      onPiece: (arrived) => this.#add(arrived),
      onForeign: (number) =>
        this.#fail(`what is number ${number} of its stream is no piece of a message`),
      onMissing: (number) => this.#noteMissing(number),
      onChange: parts.onChange,
    });
  }

  /** Where the engine's messages go. */
  get intake(): Intake {
    return this.#intake;
  }

  /** How many messages this receiver has not got because it was behind. */
  get messagesDropped(): number {
    return this.#dropped;
  }

  get #drops(): boolean {
    return this.#parts.whenBehind !== 'wait';
  }

  /** True once nothing more will arrive. */
  get isOver(): boolean {
    return (
      this.#hasEnded ||
      this.#failure !== undefined ||
      this.#intake.isOver ||
      this.#parts.engine.failure !== undefined
    );
  }

  /**
   * The message that comes next, whole or not; `'end'` after an orderly end; `undefined` while nothing of it is here.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`, `PEER_REJECTED`.
   */
  next(): InboundMessage | 'end' | undefined {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const { piece } = head;
      if (piece.kind === 'end') return 'end';
      if (piece.kind === 'cut') throw this.#cutOff(piece.sequence);
      if (piece.offset > 0) {
        // This receiver has come in the middle of that message.
        this.#drop(head);
        continue;
      }
      if (piece.byteLength > capabilities.maxMessageBytes) {
        this.#fail('a message is larger than possible');
        break;
      }
      // Who would rather miss a message has none in part: it may still be dropped.
      if (this.#drops) {
        if (this.#whole === 0) break;
        this.#whole--;
        this.#begun = piece.sequence;
      }
      return new InboundMessage(this.#pool, piece);
    }
    this.#checkMayCome('without closing');
    return undefined;
  }

  /**
   * Takes in what is here of a message. True once that is all of it.
   *
   * @throws as {@link next}, if the rest will not come.
   */
  gather(message: InboundMessage): boolean {
    for (let bytes = this.head(message); bytes !== undefined; bytes = this.head(message)) {
      message.add(bytes, this.#parts.keptBytes);
      this.#take(message, bytes.length);
    }
    return message.final !== undefined;
  }

  /**
   * What is here of the next piece of a message, which may be nothing; `undefined` if there is none.
   *
   * @throws as {@link next}, if the rest will not come.
   */
  head(message: InboundMessage): Uint8Array | undefined {
    if (message.final !== undefined) return undefined;
    const [head] = this.#queue;
    if (head === undefined) {
      this.#checkMayCome('in the middle of a message');
      return undefined;
    }
    const { kind, sequence, offset, byteLength, bytes } = head.piece;
    if (kind === 'cut' && sequence === message.sequence) throw this.#cutOff(sequence);
    const isNext = sequence === message.sequence && byteLength === message.byteLength;
    if (kind !== 'part' || !isNext || offset + this.#used !== message.filled) {
      this.#fail('the pieces of a message do not fit together');
      throw this.#failure;
    }
    return bytes.subarray(this.#used);
  }

  /** Bytes of the next piece of a message have moved on, without being taken in. */
  pass(message: InboundMessage, byteLength: number): void {
    message.pass(byteLength);
    this.#take(message, byteLength);
  }

  /** Takes a message back that the caller is done with. */
  giveBack(message: InboundMessage): void {
    message.free();
    for (const number of message.pieces) this.#intake.acknowledge(number);
    if (message.final !== undefined) this.#intake.acknowledge(message.final);
  }

  /** Takes in nothing more. */
  stop(): void {
    this.#intake.stop();
    this.#queue.length = 0;
    this.#pool.clear();
  }

  #take(message: InboundMessage, byteLength: number): void {
    const { piece, number } = this.#queue[0] as Arrived;
    this.#used += byteLength;
    if (this.#used < piece.bytes.length) return;
    this.#used = 0;
    this.#queue.shift();
    if (message.filled === message.byteLength) {
      // Whoever acknowledges the last piece is done with the message.
      message.final = number;
      this.#begun = undefined;
    } else if (message.byteLength > LONG) {
      // The stream need not have room for all of it.
      this.#intake.acknowledge(number);
    } else {
      message.pieces.push(number);
    }
    this.#intake.noteTaken(piece.bytes);
  }

  #add(arrived: Arrived): void {
    const { kind, sequence, offset, byteLength, bytes } = arrived.piece;
    if (kind === 'gone') {
      if (this.#drops) this.#missArriving();
      this.#intake.acknowledge(arrived.number);
      return;
    }
    this.#queue.push(arrived);
    if (kind === 'end') {
      this.#hasEnded = true;
      return;
    }
    if (offset === 0) {
      this.#noteSequence(sequence);
      this.#arriving = { sequence, end: 0 };
    }
    if (kind !== 'part' || !this.#drops) return;
    // The first pieces may have gone to those who were there before, and others be missing.
    const isNext = this.#arriving?.sequence === sequence && this.#arriving.end === offset;
    if (!isNext || this.#arriving === undefined) return;
    this.#arriving.end += bytes.length;
    if (this.#arriving.end < byteLength) return;
    this.#whole++;
    if (this.#whole > this.#parts.queueDepth) this.#dropOne();
  }

  /** Numbers that are missing are messages that were dropped before they came here. */
  #noteSequence(sequence: number): void {
    const expected = this.#nextSequence ?? sequence;
    this.#dropped += Math.max(0, sequence - expected);
    this.#nextSequence = sequence + 1;
  }

  #dropOne(): void {
    const isOldest = this.#parts.whenBehind === 'drop-oldest';
    const { sequence } = (isOldest ? this.#firstOfMessage() : (this.#queue.at(-1) as Arrived))
      .piece;
    for (const each of this.#queue.filter(({ piece }) => piece.sequence === sequence)) {
      this.#queue.splice(this.#queue.indexOf(each), 1);
      const { bytes, offset, byteLength } = each.piece;
      this.#intake.acknowledge(each.number, offset + bytes.length === byteLength);
      this.#intake.noteTaken(bytes);
    }
    this.#whole--;
    this.#dropped++;
  }

  #firstOfMessage(): Arrived {
    const isFirst = ({ piece }: Arrived): boolean =>
      piece.offset === 0 && piece.sequence !== this.#begun;
    return this.#queue.find(isFirst) as Arrived;
  }

  #drop(arrived: Arrived): void {
    this.#queue.shift();
    this.#intake.acknowledge(arrived.number);
    this.#intake.noteTaken(arrived.piece.bytes);
  }

  #noteMissing(number: number): void {
    if (this.#parts.whenBehind === 'wait') {
      this.#fail(`number ${number} of its stream is missing`);
      return;
    }
    // The engine has thrown away what this receiver has not taken in time.
    this.#missArriving();
    this.#intake.skip();
  }

  /** The rest of the message that is arriving will not come. */
  #missArriving(): void {
    const last = this.#queue.at(-1)?.piece;
    const isMissed =
      last !== undefined &&
      last.sequence === this.#arriving?.sequence &&
      this.#arriving.end < last.byteLength;
    if (isMissed) {
      for (const each of this.#queue.filter(({ piece }) => piece.sequence === last.sequence)) {
        this.#queue.splice(this.#queue.indexOf(each), 1);
        this.#intake.acknowledge(each.number);
        this.#intake.noteTaken(each.piece.bytes);
      }
      this.#dropped++;
    }
    this.#arriving = undefined;
  }

  /** Throws if nothing more will come. */
  #checkMayCome(when: string): void {
    this.#failure ??= this.#parts.engine.failure;
    if (this.#failure !== undefined) throw this.#failure;
    const { sender } = this.#parts;
    if (this.#intake.isForgotten) {
      this.#failure = new PageferryError(
        'PEER_REJECTED',
        `${sender} is there, and the NATS servers have given this receiver up, which they could not reach for too long: ` +
          'connect anew',
      );
      throw this.#failure;
    }
    if (!this.#intake.isOver) return;
    this.#failure = senderDied(sender, when);
    throw this.#failure;
  }

  #cutOff(sequence: number): PageferryError {
    this.#failure ??= new PageferryError(
      'PEER_REJECTED',
      `${this.#parts.sender} lives, and has lost message ${sequence}: its program had another API take over its memory`,
    );
    return this.#failure;
  }

  #fail(what: string): void {
    this.#failure ??= new PageferryError(
      'PEER_MISBEHAVED',
      `${this.#parts.sender} broke the protocol: ${what}`,
    );
    this.#parts.onChange();
  }
}
