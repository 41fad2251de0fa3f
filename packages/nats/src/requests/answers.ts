import type { Msg } from '@nats-io/transport-node';
import {
  type AcceptOutcome,
  bytesDetached,
  clock,
  EXCHANGE,
  exchangeKind,
  exchangeNumber,
  exchangeWord,
  type Outbox,
  PageferryError,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { Engine } from '../engine/engine.js';
import { questionSubject, responderSubject } from '../engine/names.js';
import { MAX_UNDER_WAY } from '../options.js';
import { NOTE_VERSION, type Note, readNote, saysNobody } from '../protocol/note.js';
import type { MemoryPool } from '../sending/memory-pool.js';
import type { NatsMemory } from '../sending/outgoing.js';
import type { Arrivals } from './arrivals.js';
import { Correspondence, type Kept, Reach } from './correspondence.js';
import { Incoming, Transfer } from './transfer.js';

/** All responders of an endpoint are one queue group of the engine: one of them gets each question. */
const GROUP = 'pageferry';
const NOTHING = new Uint8Array(0);
/** Numbers begin anew after this one. */
const LAST_NUMBER = 2 ** 29 - 1;

/** An answer that the other side does not have whole. */
interface Answer extends Kept {
  readonly kind: 'answer' | 'failure';
  readonly tag: number;
}

/** A question that was taken, until its answer has arrived. */
interface Taken {
  readonly number: number;
  /** The inbox of the question at the one who has asked. */
  readonly requester: string;
  readonly reach: Reach;
  readonly message: Incoming;
  readonly transfer: Transfer;
  answer: Answer | undefined;
}

/** What {@link Answers} are made of. */
export interface AnswersParts {
  readonly engine: Engine;
  readonly subject: string;
  readonly patience: number;
  /** How many questions to take that are not answered. */
  readonly maxUnderWay: number;
  readonly keptBytes: number;
  readonly pool: MemoryPool;
  readonly arrivals: Arrivals;
  /** There may be room. */
  readonly onRoom: () => void;
  /** The servers do not let this process in any more, or not take questions. */
  readonly onFailure: () => void;
}

/**
 * The questions that one responder has taken, and its answers. For each question that it can still take it subscribes to the
 * group once, for a single message. So the servers know who is free, give nobody more than it takes, and say so when nobody is.
 */
export class Answers implements Outbox<NatsMemory> {
  readonly #parts: AnswersParts;
  readonly #notes: Correspondence;
  readonly #open = new Map<number, Taken>();
  /** By the inbox of who has asked: a question that comes twice is taken once. */
  readonly #byRequester = new Map<string, Taken>();
  /** Numbers of the questions that the program works on, or is to. */
  readonly #inWork = new Set<number>();
  /** Ends the subscriptions for questions that did not come. */
  #offers: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = 0;
  #sequence = 0;
  #takesMore = true;
  #refusal: PageferryError | undefined;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
    const { engine, subject, patience } = parts;
    this.#notes = new Correspondence(engine, (name, message) => this.#take(name, message));
    engine.subscribe(responderSubject(subject), ({ reply }) => {
      if (reply) engine.publish(reply);
    });
    engine.onChange(() => this.#onConnection());
    engine.onRefusal(({ operation, error }) => {
      if (operation !== 'subscription') return;
      this.#refusal ??= error;
      parts.onFailure();
    });
    this.#offer();
    this.#timer = clock.setInterval(() => this.#look(), Math.min(1000, patience / 4));
    this.#timer.unref();
  }

  get bytesOut(): number {
    return this.#parts.pool.bytesOut;
  }

  allocate(byteLength: number): NatsMemory | undefined {
    return this.#parts.pool.allocate(byteLength);
  }

  free(memory: NatsMemory): void {
    this.#parts.pool.free(memory);
  }

  accept(memory: NatsMemory, byteLength: number, tag: number, exchange: number): AcceptOutcome {
    const kind = exchangeKind(exchange);
    if (kind !== EXCHANGE.answer && kind !== EXCHANGE.failure) {
      throw new PageferryError('NOT_SUPPORTED', 'a responder only answers: use respond or reject');
    }
    const number = exchangeNumber(exchange);
    const taken = this.#open.get(number);
    // Nobody wants it any more.
    if (taken === undefined || taken.answer !== undefined) {
      this.#doneWith(number);
      return 'no-receiver';
    }
    if (this.#waitingToBeFetched >= MAX_UNDER_WAY) return 'full';
    if (memory.buffer.length === 0) throw bytesDetached('loan');
    const name = kind === EXCHANGE.answer ? 'answer' : 'failure';
    taken.answer = { kind: name, memory, byteLength, tag };
    taken.reach.heard();
    // First the room, then the answer: who gets that may ask the next thing.
    this.#doneWith(number);
    const end = Math.min(byteLength, this.#notes.mostBytes);
    this.#sayAnswer(taken, memory.bytes.subarray(0, end));
    return 'sent';
  }

  /** Why no question comes: the servers do not let this process in any more, or not take any. */
  get failure(): PageferryError | undefined {
    return this.#refusal ?? this.#parts.engine.failure;
  }

  settle(): void {
    // What comes back is noted at once.
  }

  // Whoever answers does not wait until the answer has arrived. Whoever closes does.
  get hasLeft(): boolean {
    return this.#takesMore || this.#waitingToBeFetched === 0;
  }

  get isIdle(): boolean {
    return this.#open.size === 0;
  }

  list(): readonly [] {
    return [];
  }

  count(): number {
    return 0;
  }

  /** The program is done with a question, answered or not. */
  noteReleased({ exchange }: Incoming): void {
    this.#doneWith(exchangeNumber(exchange));
  }

  /** Takes no more questions. */
  finish(): void {
    this.#takesMore = false;
    this.#withdraw();
  }

  /**
   * Ends.
   *
   * @param inOrder whether to tell those who wait for an answer that there will be none.
   */
  stop(inOrder: boolean): void {
    this.finish();
    clock.clearInterval(this.#timer);
    for (const taken of [...this.#open.values()]) {
      if (inOrder && taken.answer === undefined) {
        this.#notes.sayLast(taken.requester, 'failure', 0, 0);
      }
      this.#forget(taken);
    }
  }

  get #waitingToBeFetched(): number {
    let count = 0;
    for (const { answer } of this.#open.values()) if (answer !== undefined) count++;
    return count;
  }

  #onConnection(): void {
    const { engine, onFailure } = this.#parts;
    if (!engine.connected) {
      // The client would subscribe anew without saying that it is for a single message.
      this.#withdraw();
      if (engine.failure !== undefined) onFailure();
      return;
    }
    this.#offer();
    for (const taken of this.#open.values()) {
      taken.reach.heard();
      this.#sayAgain(taken);
      taken.transfer.askAgain();
    }
  }

  /** Subscribes once for each question that this responder can still take. */
  #offer(): void {
    const { engine, subject, maxUnderWay } = this.#parts;
    if (!this.#takesMore || !engine.connected) return;
    while (this.#offers.length + this.#inWork.size < maxUnderWay) {
      const end = engine.takeOne(questionSubject(subject), GROUP, (message) => {
        this.#offers = this.#offers.filter((other) => other !== end);
        this.#takeQuestion(message);
        this.#offer();
      });
      this.#offers.push(end);
    }
  }

  #withdraw(): void {
    for (const end of this.#offers.splice(0)) end();
  }

  #doneWith(number: number): void {
    if (this.#inWork.delete(number)) this.#offer();
  }

  #takeQuestion(message: Msg): void {
    const note = readNote(message);
    if (note?.kind !== 'question' || note.reply === '') return;
    const [version = 0, byteLength = 0, tag = 0] = note.numbers;
    if (version !== NOTE_VERSION) {
      this.#notes.sayLast(note.reply, 'version', NOTE_VERSION);
      return;
    }
    if (byteLength > capabilities.maxMessageBytes || note.bytes.length > byteLength) return;
    if (this.#byRequester.has(note.reply)) return;
    this.#last = this.#last === LAST_NUMBER ? 1 : this.#last + 1;
    const taken = this.#taken(this.#last, note, byteLength, tag);
    this.#open.set(taken.number, taken);
    this.#byRequester.set(taken.requester, taken);
    this.#inWork.add(taken.number);
    this.#notes.say(taken.requester, taken.number, 'taken');
    this.#guarded(taken, () => this.#parts.arrivals.begin(taken.transfer, note.bytes));
  }

  #taken(number: number, { reply }: Note, byteLength: number, tag: number): Taken {
    const { arrivals, keptBytes } = this.#parts;
    const what = { sequence: this.#sequence++, byteLength, tag };
    const message = new Incoming(arrivals.pool, what, exchangeWord(EXCHANGE.request, number));
    const transfer: Transfer = new Transfer({
      message,
      keptBytes,
      pieceBytes: this.#notes.mostBytes,
      ask: (offset, length) => this.#notes.say(reply, number, 'fetch', offset, length),
      onWhole: () => arrivals.finish(transfer),
    });
    const reach = new Reach();
    return { number, requester: reply, reach, message, transfer, answer: undefined };
  }

  #take(name: string, message: Msg): void {
    const number = Number(name);
    const taken = this.#open.get(number);
    if (saysNobody(message)) {
      taken?.reach.missed();
      return;
    }
    const note = readNote(message);
    if (note === undefined) return;
    if (taken === undefined) {
      const asks = note.kind === 'status' || note.kind === 'fetch';
      if (asks && note.reply !== '') this.#notes.say(note.reply, number, 'unknown');
      return;
    }
    taken.reach.heard();
    this.#guarded(taken, () => this.#takeNote(taken, note));
  }

  #takeNote(taken: Taken, { kind, numbers, bytes }: Note): void {
    const { requester, number, answer, transfer } = taken;
    switch (kind) {
      case 'done':
        this.#drop(taken);
        return;
      case 'status':
        if (answer === undefined) this.#notes.say(requester, number, 'open');
        else this.#sayAnswer(taken);
        return;
      case 'fetch':
        // The program may have had its memory taken over.
        if (answer === undefined || answer.memory.buffer.length === 0) this.#giveUp(taken);
        else if (!this.#notes.sendPiece(requester, number, answer, numbers)) this.#giveUp(taken);
        return;
      case 'piece':
        if (!transfer.take(numbers[0] ?? 0, bytes)) this.#giveUp(taken);
        return;
      default:
        this.#giveUp(taken);
    }
  }

  /** What goes wrong with a question ends that question. */
  #guarded(taken: Taken, action: () => void): void {
    try {
      action();
    } catch {
      this.#giveUp(taken);
    }
  }

  #sayAnswer({ requester, number, answer }: Taken, bytes: Uint8Array = NOTHING): void {
    if (answer === undefined) return;
    const { kind, byteLength, tag } = answer;
    this.#notes.send(requester, number, bytes, kind, byteLength, tag);
  }

  #sayAgain(taken: Taken): void {
    if (taken.answer === undefined) this.#notes.say(taken.requester, taken.number, 'taken');
    else this.#sayAnswer(taken);
  }

  #look(): void {
    const { engine, patience } = this.#parts;
    if (!engine.connected) return;
    let someAreGone = false;
    for (const taken of [...this.#open.values()]) {
      if (taken.reach.absence > patience) someAreGone = true;
      else if (!taken.transfer.repeat(patience / 2)) this.#giveUp(taken);
      else if (taken.reach.isDoubtful(patience)) this.#sayAgain(taken);
    }
    if (someAreGone) void this.#dropThoseGone();
  }

  /** This process may have been busy itself: what has come meanwhile is taken in before anybody is given up. */
  async #dropThoseGone(): Promise<void> {
    const { engine, patience } = this.#parts;
    await engine.flush();
    if (!engine.connected) return;
    for (const taken of [...this.#open.values()]) {
      if (taken.reach.absence > patience) this.#drop(taken);
    }
  }

  /** Who has asked breaks the protocol, or there is no memory for what it asks. */
  #giveUp(taken: Taken): void {
    this.#notes.say(taken.requester, taken.number, 'unknown');
    this.#drop(taken);
  }

  /** Nobody waits for the answer any more. What the program has of the question it keeps. */
  #drop(taken: Taken): void {
    const { arrivals } = this.#parts;
    const isHeld = taken.transfer.isWhole && !arrivals.discard(taken.message);
    this.#forget(taken);
    if (!isHeld) this.#doneWith(taken.number);
  }

  #forget(taken: Taken): void {
    const { arrivals, pool, onRoom } = this.#parts;
    this.#open.delete(taken.number);
    this.#byRequester.delete(taken.requester);
    arrivals.cancel(taken.transfer);
    if (taken.answer !== undefined) pool.free(taken.answer.memory);
    taken.answer = undefined;
    onRoom();
  }
}
