import type { AdaptiveWaits, SenderParts } from '@pageferry/connection';
import {
  type AcceptOutcome,
  type ConnectionFailures,
  type Outbox as Contract,
  clock,
  type LoopBudget,
  type ReceiverInfo,
  SubscriberSet,
} from '@pageferry/core';
import type { PagePool, Slot } from '../memory/page-pool.js';
import type { OutgoingMessage } from './message.js';
import type { Subscriber } from './subscriber.js';

/** What an {@link Outbox} needs. It takes the pool over. */
export interface OutboxSettings extends SenderParts {
  readonly pool: PagePool;
}

/**
 * A pool of pages and the connections that it serves: lends, delivers to all of them, pushes what was accepted
 * into their pipes, and takes back what they return.
 */
export class Outbox implements Contract<Slot> {
  readonly #pool: PagePool;
  readonly #budget: LoopBudget;
  readonly #waits: AdaptiveWaits;
  readonly #failures: ConnectionFailures;
  readonly #subscribers: SubscriberSet<Subscriber>;
  readonly #exhausted: () => boolean;
  #sequence = 0;
  #closed = false;
  #backgroundScheduled = false;

  constructor({ pool, budget, waits, presence, failures }: OutboxSettings) {
    this.#pool = pool;
    this.#budget = budget;
    this.#waits = waits;
    this.#subscribers = new SubscriberSet(presence);
    this.#failures = failures;
    this.#exhausted = () => budget.exhausted();
  }

  /** Bytes that are lent or held by somebody. */
  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  allocate(byteLength: number): Slot | undefined {
    this.#collect();
    const slot = this.#pool.take(byteLength);
    try {
      // What a program sees is made at first use: now, where it can still fail without a loss.
      void slot?.bytes;
      return slot;
    } catch (error) {
      this.#pool.giveBack(slot as Slot);
      throw error;
    }
  }

  free(slot: Slot): void {
    this.#pool.giveBack(slot);
  }

  accept(slot: Slot, byteLength: number, tag: number): AcceptOutcome {
    this.#dropBroken();
    if (this.#subscribers.size === 0) return 'no-receiver';
    for (const subscriber of this.#subscribers) {
      if (!subscriber.hasRoom) subscriber.collect();
      if (!subscriber.hasRoom) return 'full';
    }
    const bytes =
      byteLength === slot.inner.length ? slot.inner : slot.inner.subarray(0, byteLength);
    const message: OutgoingMessage = {
      slot,
      bytes,
      sequence: this.#sequence++,
      tag,
      holders: 0,
    };
    for (const subscriber of this.#subscribers) subscriber.accept(message);
    this.#pump();
    if (!this.hasLeft) this.#pumpInBackground();
    return 'sent';
  }

  settle(): void {
    this.#pump();
    this.#collect();
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
    this.#dropBroken();
    return this.#subscribers.size;
  }

  /** Whether the connections keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#subscribers.keepAlive(on);
  }

  /** Has every receiver wake this side when there is something to do. */
  park(): void {
    // Only waits care for what comes back; background work needs room alone.
    for (const subscriber of this.#subscribers) subscriber.park(this.#waits.parked > 0);
  }

  /** Serves a receiver from now on. */
  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    this.#waits.wake();
  }

  /** Takes a message back that one receiver is done with. */
  takeBack(message: OutgoingMessage, referenced: boolean): void {
    if (referenced) message.slot.referenced = true;
    message.holders--;
    if (message.holders === 0) this.#pool.giveBack(message.slot);
  }

  /** Something has changed on a connection. */
  onRing(): void {
    this.#dropBroken();
    this.#pump();
    this.#waits.wake();
    if (!this.hasLeft) this.#pumpInBackground();
  }

  /** Tells every receiver that this was all. */
  finish(): void {
    for (const subscriber of this.#subscribers) subscriber.finish();
  }

  close(): void {
    this.#closed = true;
    for (const subscriber of this.#subscribers) subscriber.close();
    this.#subscribers.clear();
    this.#pool.close();
  }

  #pump(): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.pump(this.#exhausted)) {
        this.#waits.moved();
        if (!subscriber.empty && this.#budget.exhausted()) this.#waits.resumeSoon();
      }
      if (subscriber.broken) this.#drop(subscriber);
    }
  }

  #collect(): void {
    for (const subscriber of this.#subscribers) {
      subscriber.collect();
      if (subscriber.broken) this.#drop(subscriber);
    }
  }

  /** Has what was accepted leave although nobody waits for it. */
  #pumpInBackground(): void {
    if (this.#backgroundScheduled) return;
    this.#backgroundScheduled = true;
    clock.setImmediate(() => {
      this.#backgroundScheduled = false;
      if (this.#closed) return;
      this.#pump();
      if (this.hasLeft) return;
      if (this.#budget.exhausted()) {
        this.#pumpInBackground();
        return;
      }
      this.park();
      this.#pump();
    });
  }

  #dropBroken(): void {
    for (const subscriber of this.#subscribers) if (subscriber.broken) this.#drop(subscriber);
  }

  #drop(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    subscriber.close();
    if (subscriber.failure !== undefined) this.#failures.add(subscriber.failure);
    this.#waits.moved();
  }
}
