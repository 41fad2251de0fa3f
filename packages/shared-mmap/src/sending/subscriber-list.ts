import type { Presence } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { MAX_RECEIVERS } from '../capabilities.js';
import type { Slot } from '../memory/slot.js';
import { DroppingSubscriber } from './dropping-subscriber.js';
import type { Ring } from './ring.js';
import { RingSubscriber } from './ring-subscriber.js';
import type { Subscriber } from './subscriber.js';

/** Every so many looks in vain, all subscribers are looked at. */
const LOOKS_AT_ALL = 16;

/** What a {@link SubscriberList} needs. */
export interface SubscriberListSettings {
  readonly calls: LinuxCalls;
  readonly ring: Ring;
  /** Takes a slot back once nobody needs it any more. */
  readonly takeBack: (slot: Slot) => void;
  readonly presence: Presence;
  /** Gets what has failed on this side, for each subscriber that was given up because of it. */
  readonly onFailure: (error: unknown) => void;
  /** Called when a receiver that was cut off has ended: what it held may be had back. */
  readonly onEnd: () => void;
}

/**
 * The subscribers of a sender: one for each connected receiver, those of receivers that were cut off and may
 * still read what they were given, and the numbers that are free.
 */
export class SubscriberList {
  readonly #settings: SubscriberListSettings;
  #all: readonly Subscriber[] = [];
  #reading: readonly RingSubscriber[] = [];
  #dropping: readonly DroppingSubscriber[] = [];
  #cutOff: readonly Subscriber[] = [];
  /** Those that were left, and have still to return something. */
  readonly #left = new Set<Subscriber>();
  /** The one of those who read the ring that has come least far. */
  #slowest: RingSubscriber | undefined;
  /** Those that may ring. */
  readonly #parked = new Set<Subscriber>();
  #looks = 0;

  constructor(settings: SubscriberListSettings) {
    this.#settings = settings;
  }

  /** Those of the connected receivers. */
  get all(): readonly Subscriber[] {
    return this.#all;
  }

  /** Those that read the ring: they must not miss messages. */
  get reading(): readonly RingSubscriber[] {
    return this.#reading;
  }

  /** Those that may miss messages. */
  get dropping(): readonly DroppingSubscriber[] {
    return this.#dropping;
  }

  /** How many receivers are connected. */
  get size(): number {
    return this.#all.length;
  }

  /** How many numbers are taken: also by receivers that were cut off. */
  get taken(): number {
    return this.#all.length + this.#cutOff.length + this.#left.size;
  }

  /** The lowest index that no subscriber has. Only while there are fewer than the most there can be. */
  freeIndex(): number {
    const taken = new Set(
      [...this.#all, ...this.#cutOff, ...this.#left].map((subscriber) => subscriber.index),
    );
    for (let index = 0; index < MAX_RECEIVERS; index++) if (!taken.has(index)) return index;
    throw new RangeError('every subscriber is taken');
  }

  add(subscriber: Subscriber): void {
    if (subscriber instanceof RingSubscriber) this.#settings.ring.hold(subscriber.cursor);
    this.#setAll([...this.#all, subscriber]);
    this.#settle();
    this.#settings.presence.tell('join', () => subscriber.info());
  }

  /** Takes in what came back on any subscriber. Returns whether some are broken. */
  collect(): boolean {
    let broken = false;
    const { length } = this.#all;
    for (let index = 0; index < length; index++) {
      const subscriber = this.#all[index] as Subscriber;
      subscriber.collect();
      broken ||= subscriber.broken;
    }
    if (!broken) this.#settle();
    return broken;
  }

  /**
   * As {@link collect}, where mostly there is nothing: while the slowest reader has not moved, and is the only
   * kind of subscriber, what the others return makes no room. But for what they have kept, so that each of
   * them is asked now and then.
   */
  collectIfNews(): boolean {
    const maySkip = this.#dropping.length === 0 && ++this.#looks % LOOKS_AT_ALL !== 0;
    if (maySkip && this.#slowest !== undefined && !this.#slowest.hasNews) return false;
    return this.collect();
  }

  /**
   * Has those ring who can make room: the readers that have come least far, those that keep something or may
   * have no more, and all that have queues of their own. Who waits for the others waits for these first.
   *
   * @returns whether there were any that were not to ring already. Then look at all of them once more, and call
   *   this again: somebody else may hold up by now.
   */
  park(): boolean {
    const first = this.#slowest?.cursor;
    const holdsUp = (reader: RingSubscriber): boolean => reader.cursor === first || reader.holdsUp;
    const ringers = [...this.#reading.filter(holdsUp), ...this.#dropping];
    const added = ringers.filter((subscriber) => !this.#parked.has(subscriber));
    for (const subscriber of added) {
      subscriber.park();
      this.#parked.add(subscriber);
    }
    for (const subscriber of this.#all) subscriber.awaitPause();
    return added.length > 0;
  }

  /** Nobody need ring. */
  unpark(): void {
    for (const subscriber of this.#parked) if (!subscriber.broken) subscriber.unpark();
    this.#parked.clear();
  }

  /**
   * Gives up subscribers whose receiver is gone or breaks the protocol: closes them, or cuts the receiver off
   * where it may be alive. Returns whether there were any.
   */
  dropBroken(slots: readonly (Slot | undefined)[]): boolean {
    if (!this.#all.some((subscriber) => subscriber.broken)) return false;
    const broken = this.#all.filter((subscriber) => subscriber.broken);
    this.#setAll(this.#all.filter((subscriber) => !broken.includes(subscriber)));
    const { calls, presence, onFailure, onEnd } = this.#settings;
    for (const subscriber of broken) {
      presence.tell('leave', () => subscriber.info());
      if (subscriber.receiverHasEnded) {
        subscriber.close(slots);
      } else {
        subscriber.cutOff(calls, onEnd);
        this.#cutOff = [...this.#cutOff, subscriber];
      }
      if (subscriber.failure !== undefined) onFailure(subscriber.failure);
    }
    // Not before: what a receiver that was cut off may still read is noted in the slots now.
    this.#settle();
    return true;
  }

  /** Closes the subscribers of receivers that were cut off and have ended. Returns whether there were any. */
  closeEnded(slots: readonly (Slot | undefined)[]): boolean {
    // Asked at every look of a sender that waits for room.
    if (this.#cutOff.length === 0 && this.#left.size === 0) return false;
    const isOver = (subscriber: Subscriber): boolean => {
      if (subscriber.receiverHasEnded) return true;
      if (!this.#left.has(subscriber)) return false;
      subscriber.collect();
      return subscriber.idle;
    };
    const ended = [...this.#cutOff, ...this.#left].filter(isOver);
    this.#cutOff = this.#cutOff.filter((subscriber) => !ended.includes(subscriber));
    for (const subscriber of ended) {
      this.#left.delete(subscriber);
      subscriber.close(slots);
    }
    this.#settle();
    return ended.length > 0;
  }

  /**
   * Leaves all receivers, whose memory lives on: those that have not returned everything may read on, and keep what
   * they have until then. Returns whether there are any, of which `onEnd` may tell.
   */
  leaveAll(slots: readonly (Slot | undefined)[]): boolean {
    for (const subscriber of this.#all) {
      subscriber.collect();
      if (subscriber.idle || subscriber.receiverHasEnded) {
        subscriber.close(slots);
      } else if (subscriber.broken) {
        subscriber.cutOff(this.#settings.calls, this.#settings.onEnd);
        this.#cutOff = [...this.#cutOff, subscriber];
      } else {
        subscriber.leave(this.#settings.calls, this.#settings.onEnd);
        this.#left.add(subscriber);
      }
    }
    // What those that were left have still to return is counted by their cursors: see `#settle`.
    this.#setAll([]);
    this.#settle();
    return this.#cutOff.length + this.#left.size > 0;
  }

  closeAll(slots: readonly (Slot | undefined)[]): void {
    for (const subscriber of [...this.#all, ...this.#cutOff, ...this.#left])
      subscriber.close(slots);
    this.#setAll([]);
    this.#cutOff = [];
    this.#left.clear();
    this.#settle();
  }

  #setAll(subscribers: readonly Subscriber[]): void {
    this.#all = subscribers;
    this.#reading = subscribers.filter((each) => each instanceof RingSubscriber);
    this.#dropping = subscribers.filter((each) => each instanceof DroppingSubscriber);
  }

  /** What everybody who reads the ring has returned is nobody's any more. */
  #settle(): void {
    const { ring, takeBack } = this.#settings;
    const reading = this.#reading;
    const { length } = reading;
    let first = ring.next;
    let slowest = reading[0];
    for (let index = 0; index < length; index++) {
      const reader = reading[index] as RingSubscriber;
      if (reader.cursor >= first) continue;
      first = reader.cursor;
      slowest = reader;
    }
    if (this.#left.size > 0) {
      for (const subscriber of this.#left) {
        if (subscriber instanceof RingSubscriber) first = Math.min(first, subscriber.cursor);
      }
    }
    this.#slowest = slowest;
    ring.isRead = length > 0;
    ring.settle(first, takeBack);
  }
}
