import { AsyncResource } from 'node:async_hooks';
import { clock } from '@pageferry/core';
import { EBADF } from '../calls/constants.js';
import type { DescriptorWatcher, WatchCallback } from '../calls/watcher.js';

/** What a {@link TimedWatcher} needs of those that it is one of. */
export interface TimedWatcherOwner {
  /** 0, or `-errno` for events that cannot be watched. @throws TypeError for anything but an integer. */
  check(fd: number, events: number): number;
  /** Which events hold now, or `-errno`. */
  look(fd: number, events: number): number;
  /** Something is to be looked for now, or not any more. */
  changed(): void;
  /** Forgets it. */
  end(watcher: TimedWatcher): void;
}

/** The object that `watch` returns. */
export class TimedWatcher implements DescriptorWatcher {
  /** The number that the program watches. */
  readonly fd: number;
  /** What is looked at: a duplicate of it, or itself if the watcher owns it. */
  readonly polled: number;
  readonly #owner: TimedWatcherOwner;
  readonly #callback: WatchCallback;
  /** The asynchronous context in which the watcher was made. */
  readonly #context = new AsyncResource('pageferry:DescriptorWatcher');
  #events: number;
  #isReferenced = true;
  #isScheduled = false;
  #isOpen = true;

  constructor(
    owner: TimedWatcherOwner,
    fd: number,
    polled: number,
    events: number,
    callback: WatchCallback,
  ) {
    this.#owner = owner;
    this.fd = fd;
    this.polled = polled;
    this.#events = events;
    this.#callback = callback;
  }

  /** What is to be looked for; 0 while that is nothing. */
  get events(): number {
    return this.#isOpen ? this.#events : 0;
  }

  /** Whether it keeps the process alive. */
  get keepsAlive(): boolean {
    return this.#isReferenced && this.events !== 0;
  }

  update(events: number): number {
    if (!this.#isOpen) return -EBADF;
    const result = this.#owner.check(this.polled, events);
    if (result < 0) return result;
    this.#events = events;
    this.#owner.changed();
    return 0;
  }

  ref(): void {
    this.#isReferenced = true;
    this.#owner.changed();
  }

  unref(): void {
    this.#isReferenced = false;
    this.#owner.changed();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#owner.end(this);
  }

  /** Has the callback called soon: in a turn of its own, so that its microtasks run before the next callback. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    clock.setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#isScheduled = false;
    // Another callback may have closed it, paused it, or taken what there was.
    if (this.events === 0) return;
    const revents = this.#owner.look(this.polled, this.#events);
    if (revents === 0) return;
    const [error, told] = revents < 0 ? [revents, 0] : [0, revents];
    this.#context.runInAsyncScope(this.#callback, undefined, error, told);
  }
}
