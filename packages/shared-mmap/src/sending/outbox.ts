import { type AdaptiveWaits, loadInOrder, type SenderParts } from '@pageferry/connection';
import {
  type AcceptOutcome,
  type Outbox as Contract,
  type Lender,
  PageferryError,
  type ReceivedDescriptor,
} from '@pageferry/core';
import { globalExpeditedBarrier, type LinuxCalls, OwnedFd } from '@pageferry/linux';
import type { PayloadPool } from '../memory/payload-pool.js';
import type { Slot } from '../memory/slot.js';
import { QUEUE_CAPACITY } from '../protocol.js';
import { DroppingSubscriber } from './dropping-subscriber.js';
import { History } from './history.js';
import { MemoryPassing } from './memory-passing.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';
import type { Ring } from './ring.js';
import type { RingSubscriber } from './ring-subscriber.js';
import type { SharedPayloadPool, Sharer } from './shared-pool.js';
import type { Subscriber } from './subscriber.js';
import { SubscriberList } from './subscriber-list.js';

/**
 * How much may be lent before a look at what has come back, in bytes: it may be in the cache still. And what a
 * loan counts at least and at most: a look costs as much as half a message, and messages of a megabyte leave the
 * nearer caches anyway.
 */
const CACHED_BYTES = 256 * 1024;
const LEAST_COUNTED = CACHED_BYTES / 32;
const MOST_COUNTED = CACHED_BYTES / 4;
/**
 * The same where others lend from the pool, too, as the channels of a side do: what is sent over a channel is mostly
 * answered before the next one is lent, and is back. Without a look a large message would go from one place of the
 * pool to the next, and each be written to memory that is in no cache.
 */
const MOST_COUNTED_OF_CHANNELS = CACHED_BYTES;

/** What an {@link Outbox} needs. It takes pool and ring over. */
export interface OutboxSettings extends SenderParts {
  readonly calls: LinuxCalls;
  readonly pool: PayloadPool;
  readonly ring: Ring;
  /** How many messages to keep for receivers that join later. */
  readonly history: number;
  /** Whether each loan has an `ArrayBuffer` that is taken away from it. */
  readonly guard: boolean;
  /** Set if others lend from the pool, too: then it stays theirs. */
  readonly sharing?: SharedPayloadPool | undefined;
  /** Which bit in a slot is the only subscriber's, where others lend from the pool. Negative if there is none. */
  readonly index?: number;
}

/**
 * A pool of memory and the connections that it serves: lends, delivers to all of them, and takes back what
 * they return.
 */
export class Outbox implements Contract<Slot>, Sharer, Lender<Slot> {
  readonly #pool: PayloadPool;
  readonly #ring: Ring;
  readonly #waits: AdaptiveWaits;
  readonly #history: History;
  readonly #subscribers: SubscriberList;
  readonly #passing = new MemoryPassing();
  readonly #exhausted: () => boolean;
  #keepsAlive = true;
  #isCorked = false;
  /** True once it is closed, and some receivers may have something still. */
  #isOver = false;
  /** True if messages of the history wait for their memory to be passed. */
  #someAreBehind = false;
  /** How many messages may be published before it has to be looked whether a subscriber can take another. */
  #credit = 0;
  /** Those who read the ring and are told of each message: none while this is corked. */
  #told: readonly RingSubscriber[] = [];
  /** Whether publishing a message in the ring is not all that there is to do. */
  #hasMore = true;
  /** Whether what a program has kept of a loan is taken away from it. */
  readonly #endsLoans: boolean;
  /** How many bytes may be lent before the next look at what has come back. */
  #untilLook = CACHED_BYTES;

  readonly #calls: LinuxCalls;
  readonly #sharing: SharedPayloadPool | undefined;
  readonly #mostCounted: number;
  readonly index: number;

  constructor({
    calls,
    pool,
    ring,
    budget,
    waits,
    presence,
    failures,
    ...settings
  }: OutboxSettings) {
    const takeBack = (slot: Slot): void => this.takeBack(slot);
    this.#calls = calls;
    this.#sharing = settings.sharing;
    this.#mostCounted = settings.sharing === undefined ? MOST_COUNTED : MOST_COUNTED_OF_CHANNELS;
    this.index = settings.index ?? 0;
    this.#pool = pool;
    this.#waits = waits;
    this.#endsLoans = settings.guard;
    this.#exhausted = () => budget.exhausted();
    this.#ring = ring;
    this.#history = new History(settings.history, takeBack);
    this.#subscribers = new SubscriberList({
      calls,
      ring,
      takeBack,
      presence,
      onFailure: (error) => failures.add(error),
      onEnd: () => {
        if (this.#subscribers.closeEnded(pool.slots())) this.#forgetIfOver();
        this.#wakeAll();
      },
    });
    this.#sharing?.add(this);
  }

  /** The descriptor of the payload memory, to pass to a receiver. */
  get payload(): OwnedFd {
    return this.#pool.fd;
  }

  /** What is published to all who must not miss it. */
  get ring(): Ring {
    return this.#ring;
  }

  /** Bytes that are lent or held by somebody. */
  get bytesOut(): number {
    return this.#pool.bytesOut;
  }

  /** Bytes that receivers map, too. */
  get sharedBytes(): number {
    return this.#pool.sharedBytes;
  }

  allocate(byteLength: number): Slot | undefined {
    this.#untilLook -= Math.min(Math.max(byteLength, LEAST_COUNTED), this.#mostCounted);
    if (this.#untilLook > 0) {
      const slot = this.#pool.takeAgain(byteLength);
      if (slot !== undefined) return slot;
    }
    return this.#allocateCarefully(byteLength);
  }

  // Apart from the usual case, which V8 inlines into its callers while it is small; so is all below.
  #allocateCarefully(byteLength: number): Slot | undefined {
    const isDue = this.#untilLook <= 0;
    if (isDue) this.#collect();
    let slot = this.#pool.take(byteLength, this.#exhausted);
    if (slot === undefined && !isDue) {
      if (this.#subscribers.collectIfNews()) this.#dropBroken();
      slot = this.#pool.take(byteLength, this.#exhausted);
    }
    // All are looked at: with many of them, what one has returned is mostly held by another.
    if (isDue) this.#untilLook = CACHED_BYTES * Math.max(this.#subscribers.size, 1);
    while (slot === undefined && this.#relieve()) {
      slot = this.#pool.take(byteLength, this.#exhausted);
    }
    if (typeof slot !== 'string') return slot;
    this.#waits.moved();
    this.#waits.resumeSoon();
    return undefined;
  }

  duplicate(fd: number): ReceivedDescriptor {
    return OwnedFd.duplicateOf(this.#calls, fd);
  }

  attach(slot: Slot, descriptors: readonly ReceivedDescriptor[]): void {
    // Some may have those that it had before: they get all of them anew.
    this.#passing.forget(slot);
    slot.attach(descriptors);
  }

  free(slot: Slot): void {
    this.#passing.forget(slot);
    this.#pool.endLoan(slot);
    slot.closeAttached();
    slot.isKept = false;
    // One that was lent again may be read still by whoever got it first.
    if (!slot.isHeld) this.#pool.giveBack(slot);
    this.#sharing?.wakeAll();
  }

  freeAfterClose(slot: Slot): void {
    // A pool of its own is gone by now.
    if (this.#sharing !== undefined && !this.#sharing.isClosed) this.free(slot);
  }

  keep(slot: Slot): void {
    slot.isKept = true;
  }

  letGo(slot: Slot): void {
    slot.isKept = false;
    // What is in the caller's hands has no number.
    if (slot.sequence >= 0) {
      slot.closeAttached();
      this.takeBack(slot);
    }
    this.#sharing?.wakeAll();
  }

  lendAgain(slot: Slot, byteLength: number): void {
    this.#pool.lendAgain(slot, byteLength);
  }

  accept(slot: Slot, byteLength: number, tag: number, exchange: number): AcceptOutcome {
    if (this.#credit <= 0 || slot.passedCount > 0) {
      const refusal = this.#refuse(slot);
      if (refusal !== undefined) return refusal;
    }
    this.#credit--;
    if (this.#endsLoans) this.#pool.endLoan(slot);
    slot.messageLength = byteLength;
    slot.tag = tag;
    slot.exchange = exchange;
    this.#ring.publish(slot);
    const told = this.#told;
    const { length } = told;
    for (let index = 0; index < length; index++) {
      const subscriber = told[index] as RingSubscriber;
      if (loadInOrder(subscriber.words, subscriber.parkedReceiver) !== 0) subscriber.wake();
    }
    if (this.#hasMore) this.#deliverMore(slot);
    return 'sent';
  }

  cork(): void {
    this.#isCorked = true;
    this.#told = [];
    this.#ring.cork();
  }

  uncork(): void {
    this.#isCorked = false;
    this.#told = this.#subscribers.reading;
    // A ring that brings nothing new would count against this side.
    if (!this.#ring.uncork()) return;
    for (const subscriber of this.#subscribers.reading) subscriber.wake();
  }

  /** What a message needs that is not read in the ring alone. */
  #deliverMore(slot: Slot): void {
    this.#hasMore = !this.#isRingAlone;
    if (slot.passedCount > 0) {
      slot.own?.endLoan();
      for (const subscriber of this.#subscribers.reading) subscriber.notePassed(slot);
    }
    for (const subscriber of this.#subscribers.dropping) subscriber.deliver(slot);
    if (this.#history.keeps) this.#history.add(slot);
    // All have them who are to get them.
    else if (!slot.isKept) slot.closeAttached();
    this.takeBack(slot);
  }

  /** True if nobody is to get a message but those who read the ring. */
  get #isRingAlone(): boolean {
    return (
      this.#subscribers.reading.length > 0 &&
      this.#subscribers.dropping.length === 0 &&
      !this.#history.keeps
    );
  }

  /** To be called when the subscribers are others than before. */
  #noteSubscribers(): void {
    if (!this.#isCorked) this.#told = this.#subscribers.reading;
    this.#ring.barrier = !this.#subscribers.reading.every((subscriber) => subscriber.parkingPays);
    this.#hasMore = !this.#isRingAlone;
    this.#credit = 0;
  }

  /**
   * Why a message cannot be accepted; `undefined` if it can be. Passes what goes ahead of it to everybody who must
   * not miss it. Looks how many messages can be accepted from now on before this has to be asked again.
   *
   * @throws `SYSTEM_CALL_FAILED`: it cannot be passed. `NOT_SUPPORTED`: somebody takes no descriptors.
   */
  #refuse(slot: Slot): 'full' | 'no-receiver' | undefined {
    this.#dropBroken();
    if (this.#someAreBehind) this.#catchUp();
    const credit = this.#someAreBehind ? 0 : this.#look();
    // Each look may find that the last receiver has broken the protocol.
    if (this.#isForNobody) return 'no-receiver';
    if (slot.carriesDescriptors) this.#checkAllTakeDescriptors();
    if (credit <= 0) return this.#refuseOrRetry(slot);
    if (slot.passedCount > 0) {
      if (!this.#passAhead(slot)) return this.#refuseOrRetry(slot);
      if (this.#isForNobody) return 'no-receiver';
      this.#hasMore = true;
    }
    this.#credit = this.#look();
    return undefined;
  }

  /** True if nobody is connected, and nothing is kept for those who come later. */
  get #isForNobody(): boolean {
    return this.#subscribers.size === 0 && !this.#history.keeps;
  }

  /** Of those that did not take a message some may be broken: then the others may. */
  #refuseOrRetry(slot: Slot): 'full' | 'no-receiver' | undefined {
    this.#credit = 0;
    return this.#dropBroken() ? this.#refuse(slot) : 'full';
  }

  /** How many messages everybody has room for who must not miss them. */
  #look(): number {
    const roomOf = ({ broken, room }: RingSubscriber): number => (broken ? 0 : room);
    const look = (): number => Math.min(QUEUE_CAPACITY, ...this.#subscribers.reading.map(roomOf));
    const credit = look();
    if (credit > 0) return credit;
    this.#collect();
    return look();
  }

  /** @throws `NOT_SUPPORTED`. */
  #checkAllTakeDescriptors(): void {
    const unable = this.#subscribers.all.find(({ takesDescriptors }) => !takesDescriptors);
    if (unable === undefined) return;
    const { pid } = unable;
    const who = pid === undefined ? 'a receiver' : `the receiver in process ${pid}`;
    throw new PageferryError(
      'NOT_SUPPORTED',
      `${who} takes no descriptors with messages: only those in Node do`,
    );
  }

  /** False if some have to wait for what goes ahead of a message, or were found to be broken. */
  #passAhead(slot: Slot): boolean {
    // What was returned tells which of them a receiver has no more to do with.
    this.#collect();
    const subscribers = this.#subscribers.reading;
    if (!subscribers.every((subscriber) => subscriber.hasRoomFor(slot.passedCount))) return false;
    slot.own?.seal();
    if (!this.#passing.passToAll(slot, this.#ring.next, subscribers)) return false;
    if (subscribers.some((subscriber) => subscriber.broken)) return false;
    this.#passing.done();
    return true;
  }

  /** Passes what is left of the history to those who came later; takes in what has come back. */
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

  /**
   * Has every receiver wake this side when it gives something back.
   *
   * @throws `SYSTEM_CALL_FAILED`: it may not.
   */
  park(): void {
    // Who holds up may be another one by the time that a receiver sees that it is to ring: then that one is.
    while (this.#subscribers.park()) {
      // They return messages without a barrier of their own: see `RingSubscriber.parkingPays`.
      if (this.#subscribers.reading.some((subscriber) => subscriber.parkingPays)) {
        globalExpeditedBarrier(this.#calls);
      }
      this.#collect();
    }
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

  /** What a new receiver gets of the history. */
  earlierFor(subscriber: Subscriber): readonly Slot[] {
    return subscriber.lastOf(this.#history.slots);
  }

  /**
   * Serves a receiver from now on.
   *
   * @param earlier what it gets of the history. One that reads the ring has been told to begin with it.
   */
  add(subscriber: RingSubscriber | DroppingSubscriber, earlier: readonly Slot[]): void {
    subscriber.keepAlive(this.#keepsAlive);
    this.#subscribers.add(subscriber);
    this.#noteSubscribers();
    if (subscriber instanceof DroppingSubscriber) {
      for (const slot of earlier) subscriber.deliver(slot);
    }
    if (!subscriber.hasLeft) this.#someAreBehind = true;
    if (this.#someAreBehind) this.#catchUp();
    this.#waits.wake();
  }

  /** Something has changed on a connection. */
  onRing(): void {
    this.#subscribers.unpark();
    this.#collect();
    this.#wakeAll();
  }

  collect(): void {
    if (this.#isOver) this.#forgetIfOver();
    else this.#collect();
  }

  parkForOthers(): void {
    if (!this.#isOver) this.park();
  }

  wake(): void {
    this.#waits.wake();
  }

  abandon(): void {
    this.#subscribers.closeAll(this.#pool.slots());
    this.#ring.close();
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
    if (this.#sharing === undefined) {
      this.abandon();
      this.#pool.close();
      return;
    }
    this.#isOver = true;
    this.#subscribers.leaveAll(this.#pool.slots());
    this.#forgetIfOver();
    this.#wakeAll();
  }

  /** Whoever waits for room looks again: there may be some by now, also for the others that lend from the pool. */
  #wakeAll(): void {
    this.#waits.wake();
    this.#sharing?.wakeOthers(this);
  }

  /** Once closed: the last receivers that had something may have returned it. */
  #forgetIfOver(): void {
    if (!this.#isOver) return;
    this.#subscribers.closeEnded(this.#pool.slots());
    if (this.#subscribers.taken === 0) this.#sharing?.delete(this);
  }

  #catchUp(): void {
    this.#someAreBehind = false;
    for (const subscriber of this.#subscribers.all)
      if (!subscriber.catchUp()) this.#someAreBehind = true;
    this.#dropBroken();
  }

  #collect(): void {
    if (this.#subscribers.collect()) this.#dropBroken();
  }

  /** Returns whether there were any. */
  #dropBroken(): boolean {
    if (!this.#subscribers.dropBroken(this.#pool.slots())) return false;
    this.#noteSubscribers();
    this.#waits.moved();
    return true;
  }

  /** Makes room in the pool at the cost of whoever can do without: false if there is nobody. */
  #relieve(): boolean {
    if (this.#subscribers.closeEnded(this.#pool.slots())) return true;
    if (this.#history.forgetUnheld()) return true;
    if (this.#sharing?.collect()) return true;
    let relieved = false;
    for (const subscriber of this.#subscribers.dropping) if (subscriber.dropOne()) relieved = true;
    return relieved;
  }
}
