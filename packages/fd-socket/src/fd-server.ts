import { EventEmitter } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import { clock, dispose } from '@pageferry/core';
import {
  type DescriptorWatcher,
  EAGAIN,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  type LinuxCalls,
  OwnedFd,
  POLLIN,
  SOCK_NONBLOCK,
  systemCallError,
} from '@pageferry/linux';
import type { CheckedAddress } from './address.js';
import { FdSocket } from './fd-socket.js';
import type { SocketSettings } from './options.js';

/** How many connections are accepted in one turn of the event loop. */
const ACCEPTS_PER_TURN = 64;
/** How long connections wait that there are no descriptors for, in milliseconds. */
const SHORTAGE_PAUSE = 100;
const SHORTAGES = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM].map((errno) => -errno));
/** The other side was gone before it was accepted, accept(2). */
const ECONNABORTED = 103;

/** The events of an {@link FdServer}. */
export interface FdServerEvents {
  /** Somebody has connected. The socket is the listener's. */
  connection: [socket: FdSocket];
  /**
   * A connection waits that there are no descriptors, or no memory, for: `SYSTEM_CALL_FAILED` with `EMFILE` and the
   * like. It is tried again every 100 ms, and each time that fails is told.
   */
  shortage: [error: Error];
  /** The socket cannot be listened at any more; the server is closed. */
  error: [error: Error];
  /** Nobody is accepted any more. */
  close: [];
}

/** A Unix socket that listens. Its connections are {@link FdSocket}s. Disposable with `using`. */
export class FdServer extends EventEmitter<FdServerEvents> implements Disposable {
  /** Where it listens; `undefined` if it was inherited. */
  readonly address: CheckedAddress | undefined;
  readonly #calls: LinuxCalls;
  readonly #socket: OwnedFd;
  readonly #settings: SocketSettings;
  readonly #watcher: DescriptorWatcher;
  /** Which file is at the path, to remove that and no other. */
  readonly #file: string | undefined;
  #pause: NodeJS.Timeout | undefined;

  /**
   * @internal
   * @param socket listens and is non-blocking; this object's from now on, also if it throws.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  constructor(
    calls: LinuxCalls,
    socket: OwnedFd,
    settings: SocketSettings,
    address?: CheckedAddress,
  ) {
    super();
    this.#calls = calls;
    this.#socket = socket;
    this.#settings = settings;
    this.address = address;
    this.#file = this.#identify();
    const watcher = calls.watch(socket.fd, POLLIN, (error) => this.#onReady(error));
    if (typeof watcher === 'number') {
      socket.close();
      throw systemCallError('epoll_ctl', watcher);
    }
    this.#watcher = watcher;
  }

  /** True until `close`. */
  get listening(): boolean {
    return this.#socket.open;
  }

  /** Lets the server keep the process alive (the default). */
  ref(): this {
    this.#watcher.ref();
    return this;
  }

  /** Stops the server from keeping the process alive. */
  unref(): this {
    this.#watcher.unref();
    return this;
  }

  /** Accepts nobody any more, and removes the socket file that it has made. Connections stay. Harmless the second time. */
  close(): void {
    if (!this.#socket.open) return;
    clock.clearTimeout(this.#pause);
    if (this.#file !== undefined && this.#file === this.#identify()) {
      unlinkSync((this.address as { path: string }).path);
    }
    this.#watcher.close();
    this.#socket.close();
    this.emit('close');
  }

  [dispose](): void {
    this.close();
  }

  #identify(): string | undefined {
    if (this.address === undefined || !('path' in this.address)) return undefined;
    const file = lstatSync(this.address.path, { bigint: true, throwIfNoEntry: false });
    return file && `${file.dev}:${file.ino}`;
  }

  #onReady(error: number): void {
    if (error < 0) this.#fail(systemCallError('epoll_wait', error));
    for (let count = 0; count < ACCEPTS_PER_TURN && this.#socket.open; count++) {
      const accepted = this.#calls.accept4(this.#socket.fd, SOCK_NONBLOCK);
      if (accepted === -EAGAIN) return;
      if (accepted === -ECONNABORTED) continue;
      if (SHORTAGES.has(accepted)) {
        this.#wait();
        this.emit('shortage', systemCallError('accept4', accepted));
        return;
      }
      if (accepted < 0) this.#fail(systemCallError('accept4', accepted));
      else this.#welcome(new OwnedFd(this.#calls, accepted));
    }
  }

  #welcome(accepted: OwnedFd): void {
    let socket: FdSocket;
    try {
      socket = new FdSocket(this.#calls, accepted, this.#settings);
    } catch (error) {
      // The watcher's descriptor, mostly. This one connection is lost.
      this.emit('shortage', error as Error);
      return;
    }
    if (!this.emit('connection', socket)) socket.destroy();
  }

  #wait(): void {
    this.#watcher.update(0);
    this.#pause = clock.setTimeout(() => this.#watcher.update(POLLIN), SHORTAGE_PAUSE);
  }

  #fail(error: Error): void {
    this.close();
    this.emit('error', error);
  }
}
