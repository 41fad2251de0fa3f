import { clock } from '@pageferry/core';
import {
  EBADF,
  EEXIST,
  EINVAL,
  EPERM,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
} from '../calls/constants.js';
import { STAT_FIELD } from '../calls/file-calls.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import type { DescriptorWatcher, WatchCallback } from '../calls/watcher.js';
import { TimedWatcher, type TimedWatcherOwner } from './timed-watcher.js';

/** What can be asked for; POLLERR and POLLHUP are told unasked. */
const EVENTS = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

/** How long it is from one look to the next, in milliseconds, and once nothing has happened in so many looks. */
const SOON = 1;
const LATER = 8;
const LOOKS_SOON = 250;

/** Of `st_mode`: see inode(7). */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/**
 * System calls whose `watch` looks at descriptors by a timer: for a runtime that lets no addon into its event loop. Each
 * millisecond, and after a quarter of a second in which nothing has happened each eight: so much longer a wait may take
 * that has parked. All descriptors of a thread are looked at in one system call, and none while nobody waits.
 *
 * @param calls of a binding that cannot watch. Its other calls are used as they are.
 */
export function withTimedWatchers<C extends LinuxCalls>(calls: C): C {
  const watchers = new TimedWatchers(calls);
  return {
    ...calls,
    watch: (fd: number, events: number, callback: WatchCallback, owns = false) =>
      watchers.watch(fd, events, callback, owns),
    close(fd: number) {
      watchers.forget(fd);
      return calls.close(fd);
    },
  };
}

/** The watchers of one thread. */
class TimedWatchers implements TimedWatcherOwner {
  readonly #calls: LinuxCalls;
  /** By the number that the program knows. */
  readonly #all = new Map<number, TimedWatcher>();
  /** Records of poll(2): see `LinuxCalls.pollMany`. */
  #records = new Int32Array(16);
  readonly #status = new BigInt64Array(6);
  #timer: NodeJS.Timeout | undefined;
  #looksInVain = 0;

  constructor(calls: LinuxCalls) {
    this.#calls = calls;
  }

  /** See `LinuxCalls.watch`. */
  watch(
    fd: number,
    events: number,
    callback: WatchCallback,
    owns: boolean,
  ): DescriptorWatcher | number {
    if (typeof callback !== 'function') throw wrongType(3, 'a function');
    if (typeof owns !== 'boolean') throw wrongType(4, 'a boolean');
    const result = this.check(fd, events);
    if (result < 0) return result;
    if (this.#all.has(fd)) return -EEXIST;
    // A duplicate: another file may have the number once the program has closed this one by other means.
    const polled = owns ? fd : this.#calls.duplicate(fd, 0);
    if (polled < 0) return polled;
    this.#calls.closeAtThreadEnd(polled, true);
    const watcher = new TimedWatcher(this, fd, polled, events, callback);
    this.#all.set(fd, watcher);
    this.changed();
    return watcher;
  }

  /** To be called before `fd` is closed: nobody else can tell that its watcher has to end with it. */
  forget(fd: number): void {
    this.#all.get(fd)?.close();
  }

  check(fd: number, events: number): number {
    // It also checks the types of both.
    const revents = this.#calls.poll(fd, events, 0);
    if (fd < 0 || (revents >= 0 && (revents & POLLNVAL) !== 0)) return -EBADF;
    if (events !== 0 && (events & EVENTS) === 0) return -EINVAL;
    const result = this.#calls.fstat(fd, this.#status);
    if (result < 0) return result;
    const kind = Number(this.#status[STAT_FIELD.mode]) & S_IFMT;
    // They are always ready: epoll refuses them, too.
    return kind === S_IFREG || kind === S_IFDIR ? -EPERM : 0;
  }

  look(fd: number, events: number): number {
    const revents = this.#calls.poll(fd, events, 0);
    return revents >= 0 && (revents & POLLNVAL) !== 0 ? -EBADF : revents;
  }

  changed(): void {
    this.#looksInVain = 0;
    this.#lookSoon();
  }

  end(watcher: TimedWatcher): void {
    this.#all.delete(watcher.fd);
    this.#calls.closeAtThreadEnd(watcher.polled, false);
    this.#calls.close(watcher.polled);
    this.#lookSoon();
  }

  /** Sets the timer, if anything is to be looked for. */
  #lookSoon(): void {
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    let keepsAlive = false;
    let isWanted = false;
    for (const watcher of this.#all.values()) {
      keepsAlive ||= watcher.keepsAlive;
      isWanted ||= watcher.events !== 0;
    }
    if (!isWanted) return;
    this.#timer = clock.setTimeout(
      () => this.#lookAtAll(),
      this.#looksInVain < LOOKS_SOON ? SOON : LATER,
    );
    if (!keepsAlive) this.#timer.unref();
  }

  #lookAtAll(): void {
    const watchers = [...this.#all.values()].filter(({ events }) => events !== 0);
    const records = this.#recordsFor(watchers);
    const isAnyReady = this.#calls.pollMany(records, watchers.length, 0) !== 0;
    this.#looksInVain = isAnyReady ? 0 : this.#looksInVain + 1;
    // First: whoever is called changes what is watched.
    this.#lookSoon();
    if (!isAnyReady) return;
    for (const [index, watcher] of watchers.entries()) {
      if ((records[2 * index + 1] as number) >>> 16 !== 0) watcher.schedule();
    }
  }

  #recordsFor(watchers: readonly TimedWatcher[]): Int32Array {
    if (this.#records.length < 2 * watchers.length) {
      this.#records = new Int32Array(4 * watchers.length);
    }
    for (const [index, { polled, events }] of watchers.entries()) {
      this.#records[2 * index] = polled;
      this.#records[2 * index + 1] = events;
    }
    return this.#records;
  }
}

/** As a binding throws it; `position` counts from 1. */
function wrongType(position: number, expected: string): TypeError {
  const error = new TypeError(`argument ${position} must be ${expected}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}
