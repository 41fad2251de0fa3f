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
import { PageLoans } from './page-loans.js';
import type { PageSharer, SharedPages } from './shared-pages.js';
import type { Subscriber } from './subscriber.js';

/** What an {@link Outbox} needs. */
export interface OutboxSettings extends SenderParts {
  /** It is taken over, unless others lend from it, too. */
  readonly pool: PagePool;
  /** Set if others lend from the pool, too. The outbox is to be added there. */
  readonly sharing?: SharedPages | undefined;
}

/**
 * A pool of pages and the connections that it serves: lends, delivers to all of them, pushes what was accepted
 * into their pipes, and takes back what they return.
 */
export class Outbox implements Contract<Slot>, PageSharer {
  readonly #pool: PagePool;
  readonly #budget: LoopBudget;
  readonly #waits: AdaptiveWaits;
  readonly #failures: ConnectionFailures;
  readonly #subscribers: SubscriberSet<Subscriber>;
  readonly #exhausted: () => boolean;
  readonly #sharing: SharedPages | undefined;
  readonly #loans: PageLoans;
  #sequence = 0;
  #closed = false;
  #backgroundScheduled = false;

  constructor({ pool, sharing, budget, waits, presence, failures }: OutboxSettings) {
    this.#pool = pool;
    this.#sharing = sharing;
    this.#loans = new PageLoans(pool, sharing, this);
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
    return this.#loans.lend(byteLength);
  }

  free(slot: Slot): void {
    this.#loans.free(slot);
  }

  accept(slot: Slot, byteLength: number, tag: number, exchange: number): AcceptOutcome {
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
      exchange,
    };
    this.#loans.end(slot);
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
    if (this.waitsForRoom) this.#sharing?.park();
    // Only waits care for what comes back; background work needs room alone.
    this.#park(this.#waits.parked > 0 || this.#sharing?.isWaitedFor === true);
  }

  parkForOthers(): void {
    this.#park(true);
  }

  get waitsForRoom(): boolean {
    return this.#loans.lacksRoom && this.#waits.parked > 0;
  }

  collect(): void {
    this.#collect();
  }

  wake(): void {
    if (this.waitsForRoom) this.#waits.wake();
  }

  /** Serves a receiver from now on. */
  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    this.#waits.wake();
  }

  /** Takes a message back that one receiver is done with. */
  takeBack(message: OutgoingMessage, referenced: boolean): void {
    const { slot } = message;
    if (referenced) slot.referenced = true;
    slot.holders--;
    this.#loans.settle(slot);
  }

  /** Something has changed on a connection. */
  onRing(): void {
    this.#dropBroken();
    this.#pump();
    this.#waits.wake();
    this.#sharing?.wakeOthers(this);
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
    this.#loans.abandon();
    this.#sharing?.delete(this);
    if (this.#sharing === undefined) this.#pool.close();
  }

  /** Nothing is lent here any more; what the program has does not count in the pool of the others. */
  abandonLoans(): void {
    this.#loans.abandon();
  }

  #park(returns: boolean): void {
    for (const subscriber of this.#subscribers) subscriber.park(returns);
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
      if (!this.#budget.exhausted()) {
        this.park();
        this.#pump();
      }
      // Where this turn was over before the room was used up, nobody rings for that.
      if (!this.hasLeft && this.#budget.exhausted()) this.#pumpInBackground();
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
