import {
  type AcceptOutcome,
  bytesDetached,
  type Outbox as Contract,
  type Presence,
  type ReceiverInfo,
  SubscriberSet,
  type SubscriberState,
  type Waits,
} from '@pageferry/core';
import type { BufferLoan, LoanPool, PooledBuffer } from '../memory/loan-pool.js';
import { FRAME, FRAME_BYTES, writeFrame } from '../protocol/frame.js';
import type { OutgoingMessage } from './outgoing-message.js';

interface SentMessage extends OutgoingMessage {
  readonly memory: PooledBuffer;
}

/** What an {@link Outbox} asks of a connection that it serves. */
export interface OutboxSubscriber extends SubscriberState {
  /** True if one more message can be under way. */
  readonly hasRoom: boolean;
  /** Sends a message; only while there is room. Its memory must not change until it is released. */
  send(message: OutgoingMessage): void;
  /** Says, behind all messages, that `sequence` and later ones will not come. */
  finish(sequence: number): void;
}

/** A pool of buffers and the connections that it serves: lends, delivers to all of them, and takes back. */
export class Outbox<S extends OutboxSubscriber> implements Contract<BufferLoan> {
  readonly #pool: LoanPool;
  readonly #waits: Waits;
  readonly #subscribers: SubscriberSet<S>;
  /** What the program has on loan. */
  readonly #lent = new Set<BufferLoan>();
  #nextSequence = 0;

  /** @param pool stays the caller's. */
  constructor(pool: LoanPool, waits: Waits, presence: Presence) {
    this.#pool = pool;
    this.#waits = waits;
    this.#subscribers = new SubscriberSet(presence);
  }

  /** Bytes that are lent or held by somebody: of all who share the pool. */
  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  allocate(byteLength: number): BufferLoan | undefined {
    const loan = this.#pool.allocate(byteLength);
    if (loan !== undefined) this.#lent.add(loan);
    return loan;
  }

  free(loan: BufferLoan): void {
    this.#lent.delete(loan);
    this.#pool.free(loan);
  }

  accept(loan: BufferLoan, byteLength: number, tag: number, exchange: number): AcceptOutcome {
    if (this.#subscribers.size === 0) return 'no-receiver';
    for (const subscriber of this.#subscribers) if (!subscriber.hasRoom) return 'full';
    // Of a message without bytes nobody else can tell. The number must not be taken for it.
    const { memory } = loan;
    const { buffer } = memory;
    if (buffer.length === 0) throw bytesDetached('loan');
    const sequence = this.#nextSequence++;
    writeFrame(buffer, 0, FRAME.message, byteLength, sequence, tag, exchange);
    const bytes = buffer.subarray(0, FRAME_BYTES + byteLength);
    const message: SentMessage = {
      sequence,
      byteLength,
      bytes,
      memory,
      holders: 0,
      reusable: true,
    };
    this.#lent.delete(loan);
    for (const subscriber of this.#subscribers) subscriber.send(message);
    return 'sent';
  }

  /** Takes a message back that one receiver is done with. */
  takeBack(message: OutgoingMessage): void {
    message.holders--;
    if (message.holders > 0) return;
    const { memory, reusable } = message as SentMessage;
    this.#pool.takeBack(memory, reusable);
  }

  settle(): void {
    // The sockets do it by themselves.
  }

  get hasLeft(): boolean {
    return this.#subscribers.hasLeft;
  }

  get isIdle(): boolean {
    return this.#subscribers.isIdle;
  }

  list(): readonly ReceiverInfo[] {
    return this.#subscribers.list();
  }

  count(): number {
    return this.#subscribers.size;
  }

  /** The connections that are served. */
  get subscribers(): Iterable<S> {
    return this.#subscribers;
  }

  /** Whether the connections keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#subscribers.keepAlive(on);
  }

  /** Serves a receiver from now on. */
  add(subscriber: S): void {
    this.#subscribers.add(subscriber);
  }

  /** A receiver is gone. */
  remove(subscriber: S): void {
    this.#subscribers.delete(subscriber);
    this.#waits.wake();
  }

  /** Tells every receiver, behind what was accepted, that this was all. */
  finish(): void {
    for (const subscriber of this.#subscribers) subscriber.finish(this.#nextSequence);
  }

  /** Ends what the program has on loan: others who share the pool get the room. */
  endLoans(): void {
    for (const loan of this.#lent) this.#pool.abandon(loan);
    this.#lent.clear();
    this.#pool.wakeSharers();
  }
}
