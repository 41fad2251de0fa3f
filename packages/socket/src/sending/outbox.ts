import {
  type AcceptOutcome,
  ByteQuota,
  bytesDetached,
  type Outbox as Contract,
  type LoanMemory,
  type Presence,
  type ReceiverInfo,
  SubscriberSet,
  type Waits,
} from '@pageferry/core';
import { BufferPool } from '../memory/buffer-pool.js';
import { FRAME, FRAME_BYTES, writeFrame } from '../protocol/frame.js';
import type { OutgoingMessage } from './outgoing-message.js';
import type { Subscriber } from './subscriber.js';

/** Memory for one message. */
export interface BufferLoan extends LoanMemory {
  /** The pool's buffer: room for the frame, and then `bytes`. */
  readonly buffer: Buffer<ArrayBuffer>;
  /** Of the bytes, which have none once a program has detached them. */
  readonly byteLength: number;
}

interface SentMessage extends OutgoingMessage {
  readonly memory: BufferLoan;
}

/** A pool of buffers and the connections that it serves: lends, delivers to all of them, and takes back. */
export class Outbox implements Contract<BufferLoan> {
  readonly #pool: BufferPool;
  readonly #quota: ByteQuota;
  readonly #waits: Waits;
  readonly #subscribers: SubscriberSet<Subscriber>;
  #nextSequence = 0;

  constructor(poolBytes: number, waits: Waits, presence: Presence) {
    this.#pool = new BufferPool(poolBytes);
    this.#quota = new ByteQuota(poolBytes);
    this.#waits = waits;
    this.#subscribers = new SubscriberSet(presence);
  }

  /** Bytes that are lent or held by somebody. */
  get bytesOut(): number {
    return this.#quota.bytes;
  }

  allocate(byteLength: number): BufferLoan | undefined {
    if (!this.#quota.hasRoomFor(byteLength)) return undefined;
    const buffer = this.#pool.take(FRAME_BYTES + byteLength);
    this.#quota.add(byteLength);
    const bytes = buffer.subarray(FRAME_BYTES, FRAME_BYTES + byteLength);
    return { bytes, byteLength, buffer };
  }

  free({ byteLength, buffer }: BufferLoan): void {
    this.#quota.remove(byteLength);
    this.#pool.giveBack(buffer);
  }

  accept(memory: BufferLoan, byteLength: number, tag: number): AcceptOutcome {
    if (this.#subscribers.size === 0) return 'no-receiver';
    for (const subscriber of this.#subscribers) if (!subscriber.hasRoom) return 'full';
    // Of a message without bytes nobody else can tell. The number must not be taken for it.
    if (memory.buffer.length === 0) throw bytesDetached('loan');
    const sequence = this.#nextSequence++;
    writeFrame(memory.buffer, 0, FRAME.message, byteLength, sequence, tag);
    const bytes = memory.buffer.subarray(0, FRAME_BYTES + byteLength);
    const message: SentMessage = {
      sequence,
      byteLength,
      bytes,
      memory,
      holders: 0,
      reusable: true,
    };
    for (const subscriber of this.#subscribers) subscriber.send(message);
    return 'sent';
  }

  /** Takes a message back that one receiver is done with. */
  takeBack(message: OutgoingMessage): void {
    message.holders--;
    if (message.holders > 0) return;
    const { memory, reusable } = message as SentMessage;
    this.#quota.remove(memory.byteLength);
    if (reusable) this.#pool.giveBack(memory.buffer);
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

  /** Whether the connections keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#subscribers.keepAlive(on);
  }

  /** Serves a receiver from now on. */
  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
  }

  /** A receiver is gone. */
  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    this.#waits.wake();
  }

  /** Tells every receiver, behind what was accepted, that this was all. */
  finish(): void {
    for (const subscriber of this.#subscribers) subscriber.finish(this.#nextSequence);
  }

  /** Hangs up: in order after what was written, or at once. */
  async close(inOrder: boolean): Promise<void> {
    if (inOrder) await Promise.all(Array.from(this.#subscribers, (subscriber) => subscriber.end()));
    else for (const subscriber of this.#subscribers) subscriber.close();
    this.#pool.clear();
  }
}
