import { AsyncResource } from 'node:async_hooks';
import { clock } from '@pageferry/core';
import { type DescriptorWatcher, EBADF, EINVAL, type WatchCallback } from '@pageferry/linux';
import { expectInt } from '../calls/arguments.js';

/** Where a watcher stands. */
export interface WatcherPlace {
  /** The number that the program watches. */
  readonly fd: number;
  /** What is in the epoll instance: a duplicate of it, or itself if the watcher owns it. */
  readonly polled: number;
  /** What epoll calls it. */
  readonly token: number;
}

/** What a watcher needs of the epoll instance that it is in. */
export interface WatcherOwner {
  /** Whether these events can be watched. */
  accepts(events: number): boolean;
  /** Changes what is watched; 0 or `-errno`. */
  change(watcher: EpollWatcher, before: number, after: number): number;
  /** Which events hold now, or `-errno`. */
  revents(watcher: EpollWatcher, events: number): number;
  /** One more watcher that keeps the event loop alive, or one less. */
  keepAlive(on: boolean): void;
  /** Forgets it. */
  end(watcher: EpollWatcher): void;
}

/** The object that `watch` returns. */
export class EpollWatcher implements DescriptorWatcher {
  readonly place: WatcherPlace;
  readonly #owner: WatcherOwner;
  readonly #callback: WatchCallback;
  /** The asynchronous context in which the watcher was made. */
  readonly #context = new AsyncResource('pageferry:DescriptorWatcher');
  #events = 0;
  #referenced = true;
  #keepsAlive = false;
  #scheduled = false;
  #open = true;

  constructor(owner: WatcherOwner, place: WatcherPlace, callback: WatchCallback) {
    this.#owner = owner;
    this.place = place;
    this.#callback = callback;
  }

  /** To be called when the descriptor has been put into the epoll instance. */
  begin(events: number): void {
    this.#events = events;
    this.#updateLoop();
  }

  update(events: number): number {
    expectInt(events, 1);
    if (!this.#open) return -EBADF;
    if (!this.#owner.accepts(events)) return -EINVAL;
    const result = this.#owner.change(this, this.#events, events);
    if (result === 0) this.begin(events);
    return result;
  }

  ref(): void {
    this.#referenced = true;
    this.#updateLoop();
  }

  unref(): void {
    this.#referenced = false;
    this.#updateLoop();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#updateLoop();
    this.#owner.end(this);
  }

  /**
   * Has the callback called in this turn of the event loop. As an immediate of its own, so that its
   * microtasks run before the next callback, and an exception is the program's, as from any callback.
   */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    clock.setImmediate(() => this.#deliver());
  }

  /** Has the callback called with `-errno`: nothing is noticed any more. */
  fail(errno: number): void {
    clock.setImmediate(() => {
      if (this.#open) this.#context.runInAsyncScope(this.#callback, undefined, errno, 0);
    });
  }

  #deliver(): void {
    this.#scheduled = false;
    // Another callback may have closed it, paused it, or taken what there was.
    if (!this.#open || this.#events === 0) return;
    const revents = this.#owner.revents(this, this.#events);
    if (revents === 0) return;
    const [error, events] = revents < 0 ? [revents, 0] : [0, revents];
    this.#context.runInAsyncScope(this.#callback, undefined, error, events);
  }

  #updateLoop(): void {
    const keepsAlive = this.#open && this.#referenced && this.#events !== 0;
    if (keepsAlive === this.#keepsAlive) return;
    this.#keepsAlive = keepsAlive;
    this.#owner.keepAlive(keepsAlive);
  }
}
