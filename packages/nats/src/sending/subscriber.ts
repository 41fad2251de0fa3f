import type { ReceiverInfo, SubscriberState } from '@pageferry/core';
import type { BehindPolicy } from '../options.js';
import { MAX_UNDER_WAY } from '../options.js';
import type { Outgoing } from './outgoing.js';

/** One connected receiver over NATS, as its sender sees it. A snapshot. */
export interface NatsReceiverInfo extends ReceiverInfo {
  /** What becomes of messages while it is behind. */
  readonly whenBehind: BehindPolicy;
  /** How many messages it has dropped because it was behind. */
  readonly messagesDropped: number;
}

/** A receiver: a consumer of the stream, and what it has not acknowledged. */
export class Subscriber implements SubscriberState {
  readonly #id: number;
  readonly #whenBehind: BehindPolicy;
  readonly #onDone: (message: Outgoing) => void;
  /** What it is not done with, by the number of the last piece. */
  readonly #pending = new Map<number, Outgoing>();
  /** What it has acknowledged before it was known from where on it reads. */
  #early: Set<number> | undefined = new Set();
  #bytes = 0;
  #dropped = 0;
  /** Number of the last piece up to which it is known to be done with everything. */
  #floor = 0;
  #inherited = 0;

  /** @param onDone called for each message that it no longer holds. */
  constructor(id: number, whenBehind: BehindPolicy, onDone: (message: Outgoing) => void) {
    this.#id = id;
    this.#whenBehind = whenBehind;
    this.#onDone = onDone;
  }

  /** False if one more message is more than may be under way. Who may miss messages holds nobody up. */
  get hasRoom(): boolean {
    return this.#whenBehind !== 'wait' || this.#pending.size < MAX_UNDER_WAY;
  }

  /** Since when the servers have not reached it, in milliseconds; `undefined` while they do. */
  unboundSince: number | undefined;

  /** True if it holds the sender up. */
  get waits(): boolean {
    return this.#whenBehind === 'wait';
  }

  /** True once it is known from where on it reads. */
  get hasBegun(): boolean {
    return this.#early === undefined;
  }

  /** True if it is done with everything. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  // What leaves this process goes to the servers, whoever receives it.
  get empty(): boolean {
    return true;
  }

  keepAlive(): void {
    // It has no connection of its own.
  }

  info(): NatsReceiverInfo {
    return {
      id: this.#id,
      messagesBehind: this.#pending.size,
      bytesBehind: this.#bytes,
      whenBehind: this.#whenBehind,
      messagesDropped: this.#dropped,
    };
  }

  /** It will get this message. */
  give(message: Outgoing): void {
    if (this.#pending.has(message.last)) return;
    this.#pending.set(message.last, message);
    this.#bytes += message.byteLength;
    if (this.waits) message.holders++;
  }

  /**
   * It is known from where on it reads.
   *
   * @param start number in the stream of the last piece before.
   * @param underWay all messages that it may get.
   * @param inherited number of the last piece that another sender has left, which it may not be done with.
   */
  begin(start: number, underWay: Iterable<Outgoing>, inherited: number): void {
    this.#inherited = inherited;
    for (const message of underWay) if (message.last > start) this.give(message);
    this.noteAllDone(start);
    for (const number of this.#early ?? []) this.noteDone(number, false);
    this.#early = undefined;
  }

  /** It has acknowledged a piece. */
  noteDone(number: number, wasDropped: boolean): void {
    this.#early?.add(number);
    if (wasDropped) this.#dropped++;
    const message = this.#pending.get(number);
    if (message !== undefined) this.#take(message);
  }

  /** It has acknowledged all pieces up to this one. */
  noteAllDone(number: number): void {
    // A server that was killed may have forgotten how far it was.
    this.#floor = Math.max(this.#floor, number);
    for (const message of this.#pending.values()) if (message.last <= number) this.#take(message);
  }

  /** What it is not done with. */
  get pending(): readonly Outgoing[] {
    return [...this.#pending.values()];
  }

  /** The oldest piece that it may still have to be sent; `undefined` if there is none. */
  get oldest(): number | undefined {
    if (this.#floor < this.#inherited) return this.#floor + 1;
    for (const { first } of this.#pending.values()) return first;
    return undefined;
  }

  /** It is gone. */
  leave(): void {
    for (const message of this.#pending.values()) this.#take(message);
  }

  #take(message: Outgoing): void {
    this.#pending.delete(message.last);
    this.#bytes -= message.byteLength;
    if (this.waits) message.holders--;
    this.#onDone(message);
  }
}
