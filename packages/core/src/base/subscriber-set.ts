import type { ReceiverInfo } from '../contract/sender.js';
import type { Presence } from './presence.js';

/** One connected receiver, as its sender serves it. */
export interface SubscriberState {
  /** True if everything that it was given has left this process. */
  readonly empty: boolean;
  /** True if its receiver is done with everything that it was given. */
  readonly idle: boolean;
  /** Whether its connection keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void;
  /** A snapshot for `Sender.receivers`. */
  info(): ReceiverInfo;
}

/** The subscribers of an outbox, in the order in which they came. */
export class SubscriberSet<S extends SubscriberState> {
  readonly #presence: Presence;
  readonly #subscribers = new Set<S>();
  #keepsAlive = true;

  /** @param presence is told who comes and goes. */
  constructor(presence: Presence) {
    this.#presence = presence;
  }

  /** How many there are. */
  get size(): number {
    return this.#subscribers.size;
  }

  /** See `Outbox.hasLeft`. */
  get hasLeft(): boolean {
    for (const subscriber of this.#subscribers) if (!subscriber.empty) return false;
    return true;
  }

  /** See `Outbox.isIdle`. */
  get isIdle(): boolean {
    for (const subscriber of this.#subscribers) if (!subscriber.idle) return false;
    return true;
  }

  [Symbol.iterator](): IterableIterator<S> {
    return this.#subscribers.values();
  }

  /** See `Outbox.list`. */
  list(): readonly ReceiverInfo[] {
    return Array.from(this.#subscribers, (subscriber) => subscriber.info());
  }

  /** Whether the connections keep the event loop alive, also those that come later. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const subscriber of this.#subscribers) subscriber.keepAlive(on);
  }

  /** Takes one in. */
  add(subscriber: S): void {
    subscriber.keepAlive(this.#keepsAlive);
    this.#subscribers.add(subscriber);
    this.#presence.tell('join', () => subscriber.info());
  }

  /** Harmless for one that is not there. */
  delete(subscriber: S): void {
    if (!this.#subscribers.delete(subscriber)) return;
    this.#presence.tell('leave', () => subscriber.info());
  }

  /** Forgets all of them; nobody is told. */
  clear(): void {
    this.#subscribers.clear();
  }
}
