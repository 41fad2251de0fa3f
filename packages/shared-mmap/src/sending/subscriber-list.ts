import type { Presence } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import { MAX_RECEIVERS } from '../capabilities.js';
import type { Slot } from '../memory/slot.js';
import type { Subscriber } from './subscriber.js';

/** What {@link SubscriberList} need. */
export interface SubscriberListSettings {
  readonly calls: LinuxCalls;
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
  #subscribers: Subscriber[] = [];
  #cutOff: Subscriber[] = [];

  constructor(settings: SubscriberListSettings) {
    this.#settings = settings;
  }

  /** Those of the connected receivers. */
  get all(): readonly Subscriber[] {
    return this.#subscribers;
  }

  /** How many receivers are connected. */
  get size(): number {
    return this.#subscribers.length;
  }

  /** How many numbers are taken: also by receivers that were cut off. */
  get taken(): number {
    return this.#subscribers.length + this.#cutOff.length;
  }

  /** The lowest index that no subscriber has. Only while there are fewer than the most there can be. */
  freeIndex(): number {
    const taken = new Set(
      [...this.#subscribers, ...this.#cutOff].map((subscriber) => subscriber.index),
    );
    for (let index = 0; index < MAX_RECEIVERS; index++) if (!taken.has(index)) return index;
    throw new RangeError('every subscriber is taken');
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.push(subscriber);
    this.#settings.presence.tell('join', () => subscriber.info());
  }

  /** Takes in what came back on any subscriber, and gives up those that are broken. */
  collect(slots: readonly (Slot | undefined)[]): void {
    let broken = false;
    for (let index = 0; index < this.#subscribers.length; index++) {
      const subscriber = this.#subscribers[index] as Subscriber;
      subscriber.collect();
      broken ||= subscriber.broken;
    }
    if (broken) this.dropBroken(slots);
  }

  /**
   * Gives up subscribers whose receiver is gone or breaks the protocol: closes them, or cuts the receiver off
   * where it may be alive. Returns whether there were any.
   */
  dropBroken(slots: readonly (Slot | undefined)[]): boolean {
    const broken = this.#subscribers.filter((subscriber) => subscriber.broken);
    if (broken.length === 0) return false;
    this.#subscribers = this.#subscribers.filter((subscriber) => !broken.includes(subscriber));
    const { calls, presence, onFailure, onEnd } = this.#settings;
    for (const subscriber of broken) {
      presence.tell('leave', () => subscriber.info());
      if (subscriber.receiverHasEnded) {
        subscriber.close(slots);
      } else {
        subscriber.cutOff(calls, onEnd);
        this.#cutOff.push(subscriber);
      }
      if (subscriber.failure !== undefined) onFailure(subscriber.failure);
    }
    return true;
  }

  /** Closes the subscribers of receivers that were cut off and have ended. Returns whether there were any. */
  closeEnded(slots: readonly (Slot | undefined)[]): boolean {
    // Asked at every look of a sender that waits for room.
    if (this.#cutOff.length === 0) return false;
    const ended = this.#cutOff.filter((subscriber) => subscriber.receiverHasEnded);
    if (ended.length === 0) return false;
    this.#cutOff = this.#cutOff.filter((subscriber) => !ended.includes(subscriber));
    for (const subscriber of ended) subscriber.close(slots);
    return true;
  }

  closeAll(slots: readonly (Slot | undefined)[]): void {
    for (const subscriber of [...this.#subscribers, ...this.#cutOff]) subscriber.close(slots);
    this.#subscribers = [];
    this.#cutOff = [];
  }
}
