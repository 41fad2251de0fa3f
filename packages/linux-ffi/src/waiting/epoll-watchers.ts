import { clock } from '@pageferry/core';
import {
  type DescriptorWatcher,
  EEXIST,
  EINVAL,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  type WatchCallback,
} from '@pageferry/linux';
import type { Errno } from '../calls/errno.js';
import type { Fcntl } from '../calls/fcntl.js';
import { F_DUPFD_CLOEXEC } from '../calls/numbers.js';
import type { Poll } from '../calls/poll.js';
import type { ThreadEndDescriptors } from '../calls/thread-end-descriptors.js';
import type { Driver, NativeFunction } from '../drivers/driver.js';
import { declareEpoll, Epoll, type EpollFunctions } from './epoll.js';
import { EpollWatcher, type WatcherOwner } from './epoll-watcher.js';
import { EventLoopHandle } from './event-loop-handle.js';

/** What can be asked for; POLLERR and POLLHUP are told unasked. */
const EVENTS = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

/** What the watchers need of the rest of the binding. */
export interface WatcherServices {
  readonly driver: Driver;
  readonly errno: Errno;
  readonly fcntl: Fcntl;
  readonly close: NativeFunction<number>;
  readonly poll: Poll;
  readonly atThreadEnd: ThreadEndDescriptors;
}

/**
 * The watchers of one thread. All descriptors are in one epoll instance, and only that is watched on
 * the event loop: any number of them wait at once, without a thread.
 */
export class EpollWatchers implements WatcherOwner {
  readonly #services: WatcherServices;
  /** By the number that the program knows. */
  readonly #byNumber = new Map<number, EpollWatcher>();
  /** By the token that epoll gives back. */
  readonly #byToken = new Map<number, EpollWatcher>();
  readonly #epollFunctions: EpollFunctions;
  #epoll: Epoll | undefined;
  #handle: EventLoopHandle | undefined;
  #lastToken = 0;
  #keepingAlive = 0;

  constructor(services: WatcherServices) {
    this.#services = services;
    this.#epollFunctions = declareEpoll(services.driver);
  }

  /** See `LinuxCalls.watch`. */
  watch(
    fd: number,
    events: number,
    callback: WatchCallback,
    owns: boolean,
  ): DescriptorWatcher | number {
    if (!this.accepts(events)) return -EINVAL;
    if (this.#byNumber.has(fd)) return -EEXIST;
    const epoll = this.#start();
    if (typeof epoll === 'number') return epoll;
    // A duplicate: whoever closes the original must not take the watcher's place in epoll along.
    const polled = owns ? fd : this.#services.fcntl(fd, F_DUPFD_CLOEXEC, 0);
    // Of 32 bits, as epoll gives it back.
    this.#lastToken = (this.#lastToken + 1) | 0;
    const token = this.#lastToken;
    const result = polled < 0 ? polled : epoll.add(polled, events, token);
    if (result < 0) {
      if (!owns && polled >= 0) this.#services.close(polled);
      this.#stopSoon();
      return result;
    }
    this.#services.atThreadEnd.add(polled);
    const watcher = new EpollWatcher(this, { fd, polled, token }, callback);
    this.#byNumber.set(fd, watcher);
    this.#byToken.set(token, watcher);
    // Epoll tells of POLLERR and POLLHUP even where nothing is asked for.
    if (events === 0) epoll.remove(polled);
    else watcher.begin(events);
    return watcher;
  }

  /** To be called before `fd` is closed: nobody else can tell that its watcher has to end with it. */
  forget(fd: number): void {
    this.#byNumber.get(fd)?.close();
  }

  accepts(events: number): boolean {
    return events === 0 || (events & EVENTS) !== 0;
  }

  change(watcher: EpollWatcher, before: number, after: number): number {
    const { polled, token } = watcher.place;
    const epoll = this.#epoll as Epoll;
    if (before === 0 && after === 0) return 0;
    if (before === 0) return epoll.add(polled, after, token);
    if (after === 0) return epoll.remove(polled);
    return epoll.modify(polled, after, token);
  }

  revents(watcher: EpollWatcher, events: number): number {
    return this.#services.poll.one(watcher.place.polled, events, 0);
  }

  keepAlive(on: boolean): void {
    this.#keepingAlive += on ? 1 : -1;
    // Only the first and the last one make a difference.
    if (this.#keepingAlive === (on ? 1 : 0)) this.#handle?.keepAlive(on);
  }

  end(watcher: EpollWatcher): void {
    const { fd, polled, token } = watcher.place;
    this.#byNumber.delete(fd);
    this.#byToken.delete(token);
    this.#services.atThreadEnd.remove(polled);
    // This takes it out of the epoll instance, too, unless the description lives on elsewhere.
    this.#epoll?.remove(polled);
    this.#services.close(polled);
    this.#stopSoon();
  }

  /** Gives the epoll instance up, but not at once: who waits again and again has no watcher in between. */
  #stopSoon(): void {
    if (this.#byToken.size > 0) return;
    clock.setImmediate(() => {
      if (this.#byToken.size > 0) return;
      this.#handle?.close();
      this.#handle = undefined;
      this.#epoll = undefined;
    });
  }

  /** Makes the epoll instance when the first watcher needs it. */
  #start(): Epoll | number {
    if (this.#epoll !== undefined) return this.#epoll;
    const { driver, errno } = this.#services;
    const epoll = new Epoll(driver, errno, this.#epollFunctions);
    if (epoll.fd < 0) return epoll.fd;
    try {
      this.#handle = new EventLoopHandle(
        epoll.fd,
        () => this.#tell(epoll),
        (errno) => this.#fail(errno),
      );
    } catch (error) {
      this.#services.close(epoll.fd);
      throw error;
    }
    this.#epoll = epoll;
    return epoll;
  }

  /** Nothing that happens would be noticed any more: every watcher is told, as of a lost descriptor. */
  #fail(errno: number): void {
    for (const watcher of this.#byToken.values()) watcher.fail(errno);
  }

  #tell(epoll: Epoll): void {
    for (const token of epoll.ready()) this.#byToken.get(token)?.schedule();
  }
}
