import type { AdaptiveWaits, SenderParts } from '@pageferry/connection';
import type { AcceptOutcome, Outbox as Contract } from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';
import type { PayloadPool } from '../memory/payload-pool.js';
import type { Slot } from '../memory/slot.js';
import { History } from './history.js';
import { MemoryPassing } from './memory-passing.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';
import type { Subscriber } from './subscriber.js';
import { SubscriberList } from './subscriber-list.js';

/** How much may be lent before a look at what has come back: it may be in the cache still. */
const CACHED_BYTES = 256 * 1024;

/** The same in loans: a look costs as much as half a message. */
const MAX_LOANS = 32;

/** Messages of this size leave the nearer caches anyway: a look after so many of them is enough. */
const LARGE_BYTES = 1024 * 1024;
const MAX_LARGE_LOANS = 4;

/** What an {@link Outbox} needs. It takes the pool over. */
export interface OutboxSettings extends SenderParts {
  readonly calls: LinuxCalls;
  readonly pool: PayloadPool;
  /** How many messages to keep for receivers that join later. */
  readonly history: number;
}

/**
 * A pool of memory and the connections that it serves: lends, delivers to all of them, and takes back what
 * they return.
 */
export class Outbox implements Contract<Slot> {
  readonly #pool: PayloadPool;
  readonly #waits: AdaptiveWaits;
  readonly #history: History;
  readonly #subscribers: SubscriberList;
  readonly #passing = new MemoryPassing();
  readonly #exhausted: () => boolean;
  #sequence = 0;
  #keepsAlive = true;
  /** True if messages of the history wait for their memory to be passed. */
  #someAreBehind = false;
  /** Loans since the last look at what has come back, and their bytes. */
  #loans = 0;
  #loanBytes = 0;

  constructor({ calls, pool, budget, waits, presence, failures, history }: OutboxSettings) {
    this.#pool = pool;
    this.#waits = waits;
    this.#exhausted = () => budget.exhausted();
    this.#history = new History(history, (slot) => this.takeBack(slot));
    this.#subscribers = new SubscriberList({
      calls,
      presence,
      onFailure: (error) => failures.add(error),
      onEnd: () => {
        this.#subscribers.closeEnded(pool.slots());
        waits.wake();
      },
    });
  }

  /** The descriptor of the payload memory, to pass to a receiver. */
  get payload(): OwnedFd {
    return this.#pool.fd;
  }

  /** Bytes that are lent or held by somebody. */
  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  allocate(byteLength: number): Slot | undefined {
    const collects = this.#isDue(byteLength);
    if (collects) this.#collect();
    let slot = this.#pool.take(byteLength, this.#exhausted);
    if (slot === undefined && !collects) {
      this.#collect();
      slot = this.#pool.take(byteLength, this.#exhausted);
    }
    while (slot === undefined && this.#relieve()) {
      slot = this.#pool.take(byteLength, this.#exhausted);
    }
    if (typeof slot !== 'string') return slot;
    this.#waits.moved();
    this.#waits.resumeSoon();
    return undefined;
  }

  free(slot: Slot): void {
    this.#passing.forget(slot);
    this.#pool.endLoan(slot);
    this.#pool.giveBack(slot);
  }

  accept(slot: Slot, byteLength: number, tag: number): AcceptOutcome {
    const subscribers = this.#subscribers.all;
    const { length } = subscribers;
    for (let index = 0; index < length; index++) {
      if (!(subscribers[index] as Subscriber).mayTake(slot))
        return this.#acceptAgain(slot, byteLength, tag);
    }
    if (length === 0 && !this.#history.keeps) return 'no-receiver';
    if (slot.own !== undefined && !this.#passOwn(slot))
      return this.#acceptAgain(slot, byteLength, tag);
    this.#pool.endLoan(slot);
    slot.messageLength = byteLength;
    slot.tag = tag;
    slot.sequence = this.#sequence++;
    for (let index = 0; index < length; index++) (subscribers[index] as Subscriber).deliver(slot);
    if (this.#history.keeps) this.#history.add(slot);
    this.takeBack(slot);
    return 'sent';
  }

  // This and the next one are apart from `accept`, which V8 inlines into its callers while it is small.
  /** Of those that did not take a message some may be broken: then the others may. */
  #acceptAgain(slot: Slot, byteLength: number, tag: number): AcceptOutcome {
    return this.#dropBroken() ? this.accept(slot, byteLength, tag) : 'full';
  }

  /**
   * Passes the memory of a message to everybody who must not miss it. False if some have to wait, or were
   * found to be broken.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  #passOwn(slot: Slot): boolean {
    slot.own?.seal();
    const subscribers = this.#subscribers.all;
    if (!this.#passing.passToAll(slot, this.#sequence, subscribers)) return false;
    if (subscribers.some((subscriber) => subscriber.broken)) return false;
    this.#passing.done();
    return true;
  }

  /** Publishes what is left of the history for those who came later; takes in what has come back. */
  settle(): void {
    if (this.#someAreBehind) this.#catchUp();
    this.#collect();
  }

  /** What is published has left: it outlives this process. */
  get hasLeft(): boolean {
    return !this.#someAreBehind;
  }

  get isIdle(): boolean {
    return this.#subscribers.all.every((subscriber) => subscriber.idle);
  }

  list(): readonly SharedMmapReceiverInfo[] {
    return this.#subscribers.all.map((subscriber) => subscriber.info());
  }

  count(): number {
    this.#dropBroken();
    return this.#subscribers.size;
  }

  /** Whether the connections keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const subscriber of this.#subscribers.all) subscriber.keepAlive(on);
  }

  /** Has every receiver wake this side when it gives something back. */
  park(): void {
    for (const subscriber of this.#subscribers.all) subscriber.park();
  }

  /** The slot with an id, which a receiver may have made up. */
  slot(slotId: number): Slot | undefined {
    return this.#pool.slot(slotId);
  }

  /** Takes a slot back once nobody needs it any more. */
  takeBack(slot: Slot): void {
    if (slot.free) this.#pool.giveBack(slot);
  }

  /** Whether one more receiver can be served. One that was cut off takes up room until it has ended. */
  hasRoom(maxReceivers: number): boolean {
    if (this.#subscribers.taken >= maxReceivers) this.#subscribers.closeEnded(this.#pool.slots());
    return this.#subscribers.taken < maxReceivers;
  }

  /** The number of the next subscriber in the slots. Only while there {@link hasRoom}. */
  freeIndex(): number {
    return this.#subscribers.freeIndex();
  }

  /** What a new receiver gets of the history, and the number of the first message that it gets at all. */
  earlierFor(subscriber: Subscriber): {
    readonly earlier: readonly Slot[];
    readonly firstSequence: number;
  } {
    const earlier = subscriber.lastOf(this.#history.slots);
    return { earlier, firstSequence: earlier[0]?.sequence ?? this.#sequence };
  }

  /** Serves a receiver from now on. */
  add(subscriber: Subscriber, earlier: readonly Slot[]): void {
    subscriber.keepAlive(this.#keepsAlive);
    this.#subscribers.add(subscriber);
    subscriber.deliverEarlier(earlier);
    if (!subscriber.hasLeft) this.#someAreBehind = true;
    this.#waits.wake();
  }

  /** Something has changed on a connection. */
  onRing(): void {
    this.#collect();
    this.#waits.wake();
  }

  /** Memory that could not be passed may be passed by now. */
  onPauseOver(): void {
    if (this.#someAreBehind) this.#catchUp();
    this.#waits.wake();
  }

  /** Tells every receiver that this was all. */
  finish(): void {
    for (const subscriber of this.#subscribers.all) subscriber.finish();
  }

  close(): void {
    this.#subscribers.closeAll(this.#pool.slots());
    this.#pool.close();
  }

  /** Whether it is time to look at what has come back before taking more memory. */
  #isDue(byteLength: number): boolean {
    this.#loans++;
    this.#loanBytes += byteLength;
    const most = byteLength >= LARGE_BYTES ? MAX_LARGE_LOANS : MAX_LOANS;
    const fits = byteLength >= LARGE_BYTES || this.#loanBytes < CACHED_BYTES;
    if (this.#loans < most && fits) return false;
    this.#loans = 0;
    this.#loanBytes = 0;
    return true;
  }

  #catchUp(): void {
    this.#someAreBehind = false;
    for (const subscriber of this.#subscribers.all)
      if (!subscriber.catchUp()) this.#someAreBehind = true;
    this.#dropBroken();
  }

  #collect(): void {
    this.#subscribers.collect(this.#pool.slots());
  }

  /** Returns whether there were any. */
  #dropBroken(): boolean {
    if (!this.#subscribers.dropBroken(this.#pool.slots())) return false;
    this.#waits.moved();
    return true;
  }

  /** Makes room in the pool at the cost of whoever can do without: false if there is nobody. */
  #relieve(): boolean {
    if (this.#subscribers.closeEnded(this.#pool.slots())) return true;
    if (this.#history.forgetUnheld()) return true;
    let relieved = false;
    for (const subscriber of this.#subscribers.all) if (subscriber.dropOne()) relieved = true;
    return relieved;
  }
}
