import type { ConsumerInfo } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import { clock } from '@pageferry/core';
import type { Engine } from '../engine/engine.js';
import { API_ERROR, apiCode, isNotFound } from '../engine/errors.js';
import { SENDER_CONSUMER } from '../engine/names.js';
import { presenceOf, type SenderPresence } from '../engine/stream.js';
import { type Piece, readPiece } from '../protocol/piece.js';
import { AckSubject } from './ack-subject.js';

/** How much may lie here untaken before the engine is asked to wait. */
const READ_AHEAD_BYTES = 4 * 1024 * 1024;
/** How long to wait for what was asked for once more, in milliseconds. */
const PATIENCE = 1000;
/** How long to wait before what is said to be gone is looked for once more, in milliseconds. */
const DOUBT = 200;
/** How many heartbeats may be missed before the consumer is looked for. */
const MISSED_HEARTBEATS = 3;
/** Every how many heartbeats the sender is looked for, in case nobody has told that it is gone. */
const HEARTBEATS_A_CHECK = 20;
/** After how long the servers are asked whether they know of what was acknowledged, in milliseconds. */
const ACK_PATIENCE = 2000;
/** How many acknowledgements that were lost are said once more at a time. */
const MOST_REPEATED = 5000;

/** A piece, and its number in the stream. */
export interface Arrived {
  readonly piece: Piece;
  readonly number: number;
}

/** What {@link Intake} tells its receiver. */
export interface IntakeEvents {
  /** The next piece of the stream. */
  readonly onPiece: (arrived: Arrived) => void;
  /** A piece, or what should have been one, that cannot be read. */
  readonly onForeign: (number: number) => void;
  /** A piece that this receiver was promised is not in the stream any more. */
  readonly onMissing: (number: number) => void;
  /** Something has changed that somebody may wait for. */
  readonly onChange: () => void;
}

/** What an {@link Intake} is made of. */
export interface IntakeParts {
  readonly engine: Engine;
  readonly stream: string;
  readonly consumer: string;
  /** For how many milliseconds the sender may be out of the servers' reach. */
  readonly patience: number;
  /** Every how many milliseconds the engine says that it is there, if it has nothing to deliver. */
  readonly heartbeat: number;
}

/**
 * Takes in the pieces of a stream as a consumer of it is sent them: in order, each once. What is lost on the way, when a
 * connection ends, is asked for anew; what comes twice is acknowledged again.
 */
export class Intake {
  readonly #engine: Engine;
  readonly #stream: string;
  readonly #consumer: string;
  readonly #patience: number;
  readonly #heartbeat: number;
  readonly #events: IntakeEvents;
  readonly #subject: AckSubject;
  readonly #timer: NodeJS.Timeout;
  /** Pieces that came before one that is missing. */
  readonly #ahead = new Map<number, Msg>();
  /** Where to acknowledge what was not acknowledged, by number. */
  readonly #open = new Map<number, string>();
  /** True if something was acknowledged since the servers were asked what they know of. */
  #hasAcknowledged = false;
  /** True if all acknowledgements are to be said once more: the sender, too, may not have heard them. */
  #repeatsAll = false;
  /** Number of the last piece that was here at the last check: acknowledgements of what came later may be on their way. */
  #checkedUpTo = 0;
  /** Where to tell the engine that it may go on. */
  #stalled: string[] = [];
  /** What came before it was known where to begin. */
  #unbegun: Msg[] | undefined = [];
  #next = 1;
  #untaken = 0;
  /** Number of the last piece that the engine has sent, as far as it is known. */
  #delivered = 0;
  #consumerSequence = 0;
  /** What was asked for once more, and when. */
  #askedUpTo = 0;
  #askedAt = 0;
  #heardAt = clock.now();
  #checkedAt = clock.now();
  #isChecking = false;
  /** True if there was something to check before it was known where to begin. */
  #isInDoubt = false;
  #doubted = false;
  #unboundSince: number | undefined;
  #isOver = false;
  /** Number of the last piece that there will ever be, once the sender is gone. */
  #end: number | undefined;
  #isForgotten = false;
  /** True once a piece has come. */
  #hasBegun = false;
  #connectedAt = Number.NEGATIVE_INFINITY;

  constructor(
    { engine, stream, consumer, patience, heartbeat }: IntakeParts,
    events: IntakeEvents,
  ) {
    this.#engine = engine;
    this.#stream = stream;
    this.#consumer = consumer;
    this.#patience = patience;
    this.#heartbeat = heartbeat;
    this.#events = events;
    this.#subject = new AckSubject(stream, consumer);
    engine.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.DELETED.${stream}.*`, (message) => {
      const [name] = message.subject.split('.').slice(-1);
      if (name === SENDER_CONSUMER || name === consumer) void this.check();
    });
    engine.onChange(() => {
      if (engine.connected) {
        this.#connectedAt = clock.now();
        // A server that was killed may have forgotten how far it was, and counts on from less. It takes no number above its own.
        this.#consumerSequence = 0;
        this.#repeatsAll = true;
        void this.check();
      } else if (engine.failure !== undefined) {
        events.onChange();
      }
    });
    this.#timer = clock.setInterval(() => this.#checkHeartbeat(), Math.min(heartbeat, PATIENCE));
    this.#timer.unref();
  }

  /** Number of the piece that comes next. */
  get next(): number {
    return this.#next;
  }

  /** True once the sender is gone, and all pieces that it has left are here. */
  get isOver(): boolean {
    return this.#end !== undefined && this.#next > this.#end;
  }

  /** True once the engine has forgotten this receiver, though its sender is there. */
  get isForgotten(): boolean {
    return this.#isForgotten;
  }

  /** Begins after the piece of this number. */
  begin(before: number): void {
    this.#next = before + 1;
    const messages = this.#unbegun ?? [];
    this.#unbegun = undefined;
    for (const message of messages) this.take(message);
    if (this.#isInDoubt) void this.check();
  }

  /** Takes in what the engine sends. */
  readonly take = (message: Msg): void => {
    this.#heardAt = clock.now();
    if (this.#isOver) return;
    if (this.#unbegun !== undefined) {
      this.#unbegun.push(message);
      return;
    }
    if (message.data.length === 0 && message.headers?.code === 100) {
      this.#takeStatus(message);
      return;
    }
    const place = this.#subject.read(message.reply ?? '');
    if (place === undefined) return;
    const { number, consumerSequence } = place;
    this.#delivered = Math.max(this.#delivered, number);
    this.#consumerSequence = Math.max(this.#consumerSequence, consumerSequence);
    // What came before it, since this receiver has looked, was not for it.
    if (consumerSequence === 1 && !this.#hasBegun && number > this.#next) this.#next = number;
    this.#hasBegun = true;
    if (number < this.#next) {
      // The acknowledgement was lost, unless it is still to come.
      if (!this.#open.has(number)) this.#engine.publish(message.reply ?? '', ACK);
      return;
    }
    if (number > this.#next) {
      this.#ahead.set(number, message);
      this.#askAgain();
      return;
    }
    let next: Msg | undefined = message;
    while (next !== undefined && !this.#isOver) {
      this.#ahead.delete(this.#next);
      this.#pass(next);
      next = this.#ahead.get(this.#next);
    }
    this.#events.onChange();
  };

  /** The caller has taken over the bytes of a piece, and does not read them there any more. */
  noteTaken(bytes: Uint8Array): void {
    this.#untaken -= bytes.length;
    this.#engine.giveBack(bytes);
    this.#letGoOn();
  }

  /** Tells the engine, and the sender, that this receiver is done with a piece. */
  acknowledge(number: number, wasDropped = false): void {
    const subject = this.#open.get(number);
    if (subject === undefined) return;
    this.#open.delete(number);
    this.#hasAcknowledged = true;
    this.#engine.publish(subject, wasDropped ? TERM : ACK);
  }

  /** Goes on behind pieces that are not in the stream any more. */
  skip(): void {
    const numbers = [...this.#ahead.keys()];
    this.#next = numbers.length === 0 ? this.#delivered + 1 : Math.min(...numbers);
    const message = this.#ahead.get(this.#next);
    if (message !== undefined) this.take(message);
  }

  /** Looks for this receiver's consumer and for its sender, and for what was lost between the engine and this process. */
  async check(): Promise<void> {
    if (this.#isChecking || this.#isOver || this.isOver || this.#isForgotten) return;
    // As long as its own consumer is being made, it is no sign that there is none.
    this.#isInDoubt = this.#unbegun !== undefined;
    if (this.#isInDoubt) return;
    if (this.#engine.closed) return;
    this.#isChecking = true;
    this.#checkedAt = clock.now();
    this.#hasAcknowledged = false;
    const upTo = this.#next - 1;
    try {
      const { api } = this.#engine;
      const presence = await presenceOf(api, this.#stream);
      const isSenderGone = presence === 'gone' || this.#isUnboundForLong(presence);
      if (isSenderGone && this.#isDoubted()) return;
      if (isSenderGone) this.#end = await this.#findEnd();
      const info = await api.consumers.info(this.#stream, this.#consumer);
      const { delivered } = info;
      if (!isSenderGone) this.#doubted = false;
      this.#delivered = Math.max(this.#delivered, delivered.stream_seq);
      this.#consumerSequence = Math.max(this.#consumerSequence, delivered.consumer_seq);
      this.#repeatLostAcks(info);
      this.#checkedUpTo = upTo;
      this.#askAgain();
    } catch (error) {
      if (isNotFound(error)) {
        if (!this.#isDoubted()) this.#noteGone();
        return;
      }
      // Whatever else it is may pass.
      clock.setTimeout(() => void this.check(), PATIENCE).unref();
    } finally {
      this.#isChecking = false;
      this.#events.onChange();
    }
  }

  /** Takes in nothing more. */
  stop(): void {
    this.#isOver = true;
    clock.clearInterval(this.#timer);
    this.#ahead.clear();
  }

  /**
   * True if the servers have not reached the sender for too long: they do not always remove its consumer themselves, where
   * they were started anew meanwhile.
   */
  #isUnboundForLong(presence: SenderPresence): boolean {
    if (presence === 'present') this.#unboundSince = undefined;
    if (presence !== 'unbound') return false;
    this.#unboundSince ??= clock.now();
    clock.setTimeout(() => void this.check(), Math.min(PATIENCE, this.#patience)).unref();
    return clock.now() - this.#unboundSince > this.#patience;
  }

  /**
   * True the first time that something is said to be gone: while a cluster elects, that may be wrong. After a reconnection true for
   * longer: a server that was killed may have forgotten it, and the other side may be about to make it anew.
   */
  #isDoubted(): boolean {
    const isFresh = clock.now() - this.#connectedAt < this.#patience;
    if (this.#doubted && !isFresh) return false;
    this.#doubted = true;
    clock.setTimeout(() => void this.check(), DOUBT).unref();
    return true;
  }

  async #findEnd(): Promise<number> {
    try {
      const { state } = await this.#engine.api.streams.info(this.#stream);
      return state.last_seq;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Whatever is not here was in the stream.
      return this.#next - 1;
    }
  }

  /** The consumer is gone, or the whole stream. */
  #noteGone(): void {
    if (this.#isOver) return;
    if (this.#end === undefined) this.#isForgotten = true;
    // What is not here will not come.
    else this.#end = this.#next - 1;
  }

  #pass(message: Msg): void {
    const number = this.#next++;
    const piece = readPiece(message);
    if (piece === undefined) {
      this.#events.onForeign(number);
      return;
    }
    this.#open.set(number, message.reply ?? '');
    this.#untaken += piece.bytes.length;
    this.#events.onPiece({ piece, number });
  }

  #takeStatus(message: Msg): void {
    const { headers, reply } = message;
    // Either the engine asks whether it may go on, or it says that it waits for the answer.
    const asks = reply || headers?.get('Nats-Consumer-Stalled');
    if (asks) {
      this.#stalled.push(asks);
      this.#letGoOn();
    }
    const delivered = Number(headers?.get('Nats-Last-Stream') || 0);
    if (delivered < this.#next) return;
    this.#delivered = Math.max(this.#delivered, delivered);
    const sequence = Number(headers?.get('Nats-Last-Consumer') || 0);
    this.#consumerSequence = Math.max(this.#consumerSequence, sequence);
    this.#askAgain();
  }

  #letGoOn(): void {
    if (this.#untaken > READ_AHEAD_BYTES || this.#stalled.length === 0) return;
    for (const subject of new Set(this.#stalled)) this.#engine.publish(subject);
    this.#stalled = [];
  }

  /** Has what the engine has sent, and what is not here, sent once more. */
  #askAgain(): void {
    const last = Math.min(this.#delivered, this.#next + MOST_REPEATED);
    if (last < this.#next) return;
    const now = clock.now();
    const isDue = now - this.#askedAt > PATIENCE;
    if (isDue) this.#askedUpTo = 0;
    for (let number = Math.max(this.#next, this.#askedUpTo + 1); number <= last; number++) {
      if (this.#ahead.has(number)) continue;
      this.#engine.publish(this.#subject.write(number, this.#consumerSequence), NAK);
    }
    if (isDue) this.#askedAt = now;
    this.#askedUpTo = Math.max(this.#askedUpTo, last);
  }

  /** In a cluster the server that an acknowledgement is for can die while both sides keep their connections to others. */
  #repeatLostAcks({ ack_floor: floor, delivered, num_ack_pending: pending }: ConsumerInfo): void {
    const notHere = Math.max(0, delivered.stream_seq - this.#next + 1);
    const areMissed = pending > this.#open.size + notHere;
    if (!areMissed && !this.#repeatsAll) return;
    // Once more a while later: this may be lost, too, and what was on its way may be.
    this.#hasAcknowledged = true;
    const first = floor.stream_seq + 1;
    const end = this.#repeatsAll ? this.#next - 1 : this.#checkedUpTo;
    this.#repeatsAll = false;
    const last = Math.min(end, this.#delivered, first + MOST_REPEATED);
    for (let number = first; number <= last; number++) {
      if (this.#open.has(number)) continue;
      this.#engine.publish(this.#subject.write(number, this.#consumerSequence), ACK);
    }
  }

  #checkHeartbeat(): void {
    if (!this.#engine.connected || this.#isOver) return;
    const now = clock.now();
    const isSilent = now - this.#heardAt > MISSED_HEARTBEATS * this.#heartbeat;
    if (isSilent || now - this.#checkedAt > HEARTBEATS_A_CHECK * this.#heartbeat) {
      this.#heardAt = now;
      void this.check();
    } else if (this.#hasAcknowledged && now - this.#checkedAt > ACK_PATIENCE) {
      void this.check();
    }
    const isMissing = this.#delivered >= this.#next && now - this.#askedAt > PATIENCE;
    if (isMissing && this.#askedUpTo >= this.#next) void this.#findMissing(this.#next);
  }

  /** What does not come though it was asked for may not be there any more. */
  async #findMissing(number: number): Promise<void> {
    const { streams } = this.#engine.api;
    let isThere = true;
    try {
      const { state } = await streams.info(this.#stream);
      // A server that was killed may have lost it, and remember that it has delivered it. Its sender publishes it anew.
      if (state.last_seq < number) return;
      // The client says null where the servers say that there is none.
      isThere = (await streams.getMessage(this.#stream, { seq: number })) !== null;
    } catch (error) {
      if (apiCode(error) !== API_ERROR.noMessage) return;
      isThere = false;
    }
    if (isThere) this.#askAgain();
    else if (number === this.#next && !this.#isOver) this.#events.onMissing(number);
  }
}

const ACK = Buffer.from('+ACK');
const NAK = Buffer.from('-NAK');
const TERM = Buffer.from('+TERM');
