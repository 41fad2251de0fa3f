import type { Msg } from '@nats-io/transport-node';
import {
  type AcceptOutcome,
  bytesDetached,
  clock,
  EXCHANGE,
  exchangeKind,
  exchangeNumber,
  exchangeWord,
  isPageferryError,
  type Outbox,
  PageferryError,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { Engine, Refusal } from '../engine/engine.js';
import { questionSubject, responderSubject } from '../engine/names.js';
import { MAX_UNDER_WAY } from '../options.js';
import { isNote, NOTE_VERSION, type Note, readNote, saysNobody } from '../protocol/note.js';
import type { MemoryPool } from '../sending/memory-pool.js';
import type { NatsMemory } from '../sending/outgoing.js';
import type { Arrivals } from './arrivals.js';
import { Correspondence, type Kept, Reach } from './correspondence.js';
import { Pace } from './pace.js';
import { Incoming, Transfer } from './transfer.js';

/** Longer questions leave without their bytes: whoever takes one fetches them. */
const SENT_AT_ONCE = 64 * 1024;
/** Where the servers say whether there is a responder. */
const ROLL_CALL = 'responders';

/** A question that was accepted, and is not answered. */
interface Question extends Kept {
  readonly number: number;
  readonly tag: number;
  /** `asked` once it was sent to the group, `taken` once one of it has said so. */
  state: 'queued' | 'asked' | 'taken';
  askedAt: number;
  /** True once nobody of the group could take it. */
  wasRefused: boolean;
  /** The inbox of whoever has taken it. */
  responder: string | undefined;
  readonly reach: Reach;
  /** The answer, on its way. */
  transfer: Transfer | undefined;
}

/** What {@link Questions} are made of. */
export interface QuestionsParts {
  readonly engine: Engine;
  readonly endpoint: string;
  readonly subject: string;
  readonly patience: number;
  readonly keptBytes: number;
  readonly pool: MemoryPool;
  readonly arrivals: Arrivals;
  /** There may be room. */
  readonly onRoom: () => void;
  /** The servers do not let this process in any more. */
  readonly onFailure: () => void;
}

/**
 * The questions of one requester. Each goes to the group of those who answer, by the engine's request: one of them gets it,
 * and says so. If all are busy, or there is none, the servers say that nobody takes it; then it is asked again later, or fails.
 */
export class Questions implements Outbox<NatsMemory> {
  readonly #parts: QuestionsParts;
  readonly #notes: Correspondence;
  readonly #open = new Map<number, Question>();
  /** Those that are to be asked, in the order of their numbers. */
  readonly #queue: Question[] = [];
  readonly #pace: Pace;
  readonly #timer: NodeJS.Timeout;
  readonly #interval: number;
  #lookedAt = clock.now();
  readonly #questionSubject: string;
  #sequence = 0;
  #isCallingRoll = false;
  #refusal: PageferryError | undefined;
  /** When there was a new connection: those who answer may still be on their way back. */
  #reconnectedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: QuestionsParts) {
    this.#parts = parts;
    const { engine, patience, subject } = parts;
    this.#questionSubject = questionSubject(subject);
    this.#notes = new Correspondence(engine, (name, message) => this.#take(name, message));
    this.#pace = new Pace(() => this.#pump());
    engine.onChange(() => {
      if (engine.connected) this.#reconnected();
      else if (engine.failure !== undefined) parts.onFailure();
    });
    engine.onRefusal((refusal) => this.#noteRefusal(refusal));
    this.#interval = Math.min(1000, patience / 4);
    this.#timer = clock.setInterval(() => this.#look(), this.#interval);
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
    if (exchangeKind(exchange) !== EXCHANGE.request) {
      throw new PageferryError('NOT_SUPPORTED', 'a requester only asks: use request');
    }
    const failure = this.#refusal ?? this.#parts.engine.failure;
    if (failure !== undefined) throw failure;
    if (this.#open.size >= MAX_UNDER_WAY) return 'full';
    if (memory.buffer.length === 0) throw bytesDetached('loan');
    const question: Question = {
      number: exchangeNumber(exchange),
      memory,
      byteLength,
      tag,
      state: 'queued',
      askedAt: 0,
      wasRefused: false,
      responder: undefined,
      reach: new Reach(),
      transfer: undefined,
    };
    this.#open.set(question.number, question);
    this.#queue.push(question);
    this.#pump();
    return 'sent';
  }

  settle(): void {
    // What comes back is noted at once.
  }

  get hasLeft(): boolean {
    return true;
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

  /** Nobody waits for the answer any more. False if the question is not open. */
  abandon(number: number): boolean {
    const question = this.#open.get(number);
    if (question === undefined) return false;
    this.#forget(question);
    return true;
  }

  /** Asks nothing more, and has everybody forget what was asked. */
  stop(): void {
    clock.clearInterval(this.#timer);
    this.#pace.stop();
    this.#queue.length = 0;
    for (const question of [...this.#open.values()]) this.#forget(question);
  }

  #pump(): void {
    if (!this.#parts.engine.connected) return;
    while (this.#queue.length > 0 && this.#pace.mayAsk) this.#ask(this.#queue.shift() as Question);
  }

  #ask(question: Question): void {
    const { number, memory, byteLength, tag } = question;
    if (memory.buffer.length === 0) {
      this.#fail(question, bytesDetached('loan'));
      return;
    }
    question.state = 'asked';
    question.askedAt = clock.now();
    this.#pace.asked();
    const end = byteLength <= Math.min(SENT_AT_ONCE, this.#notes.mostBytes) ? byteLength : 0;
    const bytes = memory.bytes.subarray(0, end);
    const words = [NOTE_VERSION, byteLength, tag];
    this.#notes.send(this.#questionSubject, number, bytes, 'question', ...words);
  }

  #take(name: string, message: Msg): void {
    if (name === ROLL_CALL) {
      this.#noteRollCall(!saysNobody(message));
      return;
    }
    const question = this.#open.get(Number(name));
    if (saysNobody(message)) {
      if (question?.state === 'asked') this.#refuse(question);
      else question?.reach.missed();
      return;
    }
    const note = readNote(message);
    if (question === undefined) {
      // What was said of it before was lost, or nobody wants its answer any more.
      if (note?.reply) this.#notes.sayLast(note.reply, 'done');
      return;
    }
    try {
      if (note === undefined) this.#failForeign(question, isNote(message));
      else this.#takeNote(question, note);
    } catch (error) {
      // Memory is short, say.
      this.#fail(question, error);
    }
  }

  #takeNote(question: Question, note: Note): void {
    const { kind, numbers, bytes, reply } = note;
    if (kind === 'version') {
      const words = `${this.#peer} speaks version ${numbers[0]}, this requester ${NOTE_VERSION}`;
      this.#fail(question, new PageferryError('VERSION_MISMATCH', words));
      return;
    }
    if (question.responder !== undefined && reply !== '' && reply !== question.responder) {
      // One has it already.
      this.#notes.sayLast(reply, 'done');
      return;
    }
    question.reach.heard();
    if (reply !== '') this.#noteTaken(question, reply);
    switch (kind) {
      case 'taken':
      case 'open':
        return;
      case 'fetch':
        if (question.memory.buffer.length === 0) this.#fail(question, bytesDetached('loan'));
        else if (!this.#notes.sendPiece(reply, question.number, question, numbers)) {
          this.#misbehaved(question, 'it wants bytes that the question does not have');
        }
        return;
      case 'answer':
      case 'failure':
        this.#takeAnswer(question, kind, numbers, bytes);
        return;
      case 'piece':
        if (question.transfer?.take(numbers[0] ?? 0, bytes) === true) return;
        this.#misbehaved(question, 'a piece of its answer does not fit');
        return;
      case 'unknown':
        this.#fail(question, this.#gone('it has given the question up, or its answer was lost'));
        return;
      default:
        this.#misbehaved(question, `it says ${kind}`);
    }
  }

  #takeAnswer(
    question: Question,
    kind: 'answer' | 'failure',
    [byteLength = 0, tag = 0]: readonly number[],
    bytes: Uint8Array,
  ): void {
    // It is said once more until this side has all of it.
    if (question.transfer !== undefined) return;
    if (byteLength > capabilities.maxMessageBytes || bytes.length > byteLength) {
      this.#misbehaved(question, 'its answer is larger than possible, or than it says');
      return;
    }
    const { arrivals, keptBytes } = this.#parts;
    const word = exchangeWord(EXCHANGE[kind], question.number);
    const what = { sequence: this.#sequence++, byteLength, tag };
    const transfer: Transfer = new Transfer({
      message: new Incoming(arrivals.pool, what, word),
      keptBytes,
      pieceBytes: this.#notes.mostBytes,
      ask: (offset, length) => {
        const { responder = '', number } = question;
        this.#notes.say(responder, number, 'fetch', offset, length);
      },
      onWhole: () => {
        question.transfer = undefined;
        this.#forget(question);
        arrivals.finish(transfer);
      },
    });
    question.transfer = transfer;
    arrivals.begin(transfer, bytes);
    // Whoever has answered can take the next one.
    this.#pace.freed();
  }

  #noteTaken(question: Question, responder: string): void {
    question.responder = responder;
    if (question.state === 'taken') return;
    if (question.state === 'queued') this.#unqueue(question);
    else this.#pace.taken();
    question.state = 'taken';
    this.#pump();
  }

  /** Nobody takes it now. */
  #refuse(question: Question): void {
    question.state = 'queued';
    question.wasRefused = true;
    const place = this.#queue.findIndex(({ number }) => number > question.number);
    this.#queue.splice(place < 0 ? this.#queue.length : place, 0, question);
    this.#pace.refused();
    if (this.#isCallingRoll) return;
    this.#isCallingRoll = true;
    const { engine, subject } = this.#parts;
    engine.publish(responderSubject(subject), undefined, this.#notes.inboxOf(ROLL_CALL));
  }

  #noteRollCall(areThere: boolean): void {
    this.#isCallingRoll = false;
    if (areThere || clock.now() - this.#reconnectedAt < this.#parts.patience) return;
    const nobody = new PageferryError('PEER_DIED', `nobody answers at ${this.#parts.endpoint}`);
    for (const question of this.#queue.filter(({ wasRefused }) => wasRefused)) {
      this.#fail(question, nobody);
    }
  }

  #reconnected(): void {
    this.#reconnectedAt = clock.now();
    this.#isCallingRoll = false;
    for (const question of this.#open.values()) {
      question.askedAt = clock.now();
      question.reach.heard();
      const { responder, number } = question;
      if (responder !== undefined) this.#notes.say(responder, number, 'status');
      question.transfer?.askAgain();
    }
    this.#pump();
  }

  /** Nobody hears this side, or this side hears nobody. */
  #noteRefusal({ operation, subject, error }: Refusal): void {
    if (operation === 'publish' && subject !== this.#questionSubject) return;
    if (operation === 'subscription') this.#refusal ??= error;
    for (const question of [...this.#open.values()]) {
      if (question.state !== 'taken') this.#fail(question, error);
    }
  }

  /** Looks who has said nothing for a while. */
  #look(): void {
    const { engine, patience } = this.#parts;
    const now = clock.now();
    const wasBusy = now - this.#lookedAt > 2 * this.#interval;
    this.#lookedAt = now;
    if (!engine.connected) return;
    let someAreLate = false;
    for (const question of [...this.#open.values()]) {
      // While this process was busy itself nothing could come.
      if (wasBusy) question.askedAt = now;
      if (this.#isLate(question)) someAreLate = true;
      else if (question.state !== 'taken') continue;
      else if (question.transfer?.repeat(patience / 2) === false) {
        this.#misbehaved(question, 'it keeps pieces of its answer back');
      } else if (question.reach.isDoubtful(patience)) {
        this.#notes.say(question.responder as string, question.number, 'status');
      }
    }
    if (someAreLate) void this.#giveLateOnesUp();
  }

  #isLate({ state, askedAt, reach }: Question): boolean {
    const { patience } = this.#parts;
    if (state === 'asked') return clock.now() - askedAt > patience;
    return state === 'taken' && reach.absence > patience;
  }

  /** This process may have been busy itself: what has come meanwhile is taken in before anybody is given up. */
  async #giveLateOnesUp(): Promise<void> {
    const { engine, patience } = this.#parts;
    const late = [...this.#open.values()].filter((question) => this.#isLate(question));
    await engine.flush();
    for (const question of late) {
      if (!engine.connected || this.#open.get(question.number) !== question) continue;
      if (!this.#isLate(question)) continue;
      const why =
        question.state === 'asked'
          ? `nobody has said for ${patience} ms that it has taken the question`
          : 'it can be reached no more, and has not answered';
      this.#fail(question, this.#gone(why));
    }
  }

  #failForeign(question: Question, isOurs: boolean): void {
    if (isOurs || question.state === 'taken') {
      this.#misbehaved(question, 'what it says means nothing');
      return;
    }
    const words = `what answers at ${this.#parts.endpoint} does not speak Pageferry`;
    this.#fail(question, new PageferryError('NOT_PAGEFERRY', words));
  }

  #misbehaved(question: Question, what: string): void {
    const words = `${this.#peer} broke the protocol: ${what}`;
    this.#fail(question, new PageferryError('PEER_MISBEHAVED', words));
  }

  #gone(why: string): PageferryError {
    return new PageferryError('PEER_DIED', `${this.#peer} is gone: ${why}`);
  }

  get #peer(): string {
    return `the responder at ${this.#parts.endpoint}`;
  }

  #fail(question: Question, error: unknown): void {
    this.#forget(question);
    const { arrivals } = this.#parts;
    const word = exchangeWord(EXCHANGE.failure, question.number);
    const what = { sequence: this.#sequence++, byteLength: 0, tag: 0 };
    const failure = isPageferryError(error) ? error : this.#gone(String(error));
    arrivals.add(new Incoming(arrivals.pool, what, word, failure));
  }

  /** It is not open any more: whoever has it may forget it. */
  #forget(question: Question): void {
    const { arrivals, pool, onRoom } = this.#parts;
    this.#open.delete(question.number);
    if (question.state === 'queued') this.#unqueue(question);
    if (question.state === 'asked') this.#pace.taken();
    if (question.responder !== undefined) this.#notes.sayLast(question.responder, 'done');
    if (question.transfer !== undefined) arrivals.cancel(question.transfer);
    question.transfer = undefined;
    pool.free(question.memory);
    onRoom();
    // Others may have waited for its place.
    this.#pump();
  }

  /** It may have been taken out already, to be asked. */
  #unqueue(question: Question): void {
    const place = this.#queue.indexOf(question);
    if (place >= 0) this.#queue.splice(place, 1);
  }
}
