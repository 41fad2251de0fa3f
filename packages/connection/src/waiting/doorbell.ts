import { PageferryError } from '@pageferry/core';
import {
  checkResult,
  type DescriptorWatcher,
  EFD_NONBLOCK,
  type LinuxCalls,
  OwnedFd,
  POLLIN,
  POLLOUT,
  pollNow,
  S_IFMT,
  STAT_FIELD,
  systemCallError,
} from '@pageferry/linux';
import { mayBeDoorbell } from './may-be-doorbell.js';

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/**
 * An eventfd (eventfd(2)) that wakes a process which waits on its event loop. Whoever holds the
 * descriptor can ring; one side listens.
 */
export class Doorbell implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #counter = new Uint8Array(8);
  /** The descriptor to pass to the other side. Owned by the doorbell. */
  readonly fd: OwnedFd;
  #watcher: DescriptorWatcher | undefined;

  /** Takes over the descriptor of an eventfd. */
  constructor(calls: LinuxCalls, fd: OwnedFd) {
    this.#calls = calls;
    this.fd = fd;
  }

  /** @throws `SYSTEM_CALL_FAILED` (`EMFILE`). */
  static create(calls: LinuxCalls): Doorbell {
    return new Doorbell(
      calls,
      new OwnedFd(calls, checkResult(calls.eventfd(0, EFD_NONBLOCK), 'eventfd')),
    );
  }

  /**
   * Takes over a descriptor that a peer has passed.
   *
   * @throws `PEER_MISBEHAVED` if it is a file, a pipe or the like: writing to it could block. Or if it is
   *   known to be something else that cannot be silenced by reading it.
   */
  static fromPeer(calls: LinuxCalls, fd: OwnedFd): Doorbell {
    const status = new BigInt64Array(6);
    checkResult(calls.fstat(fd.fd, status), 'fstat');
    // What the kernel makes without a file system, as eventfds, has no type.
    if ((Number(status[STAT_FIELD.mode]) & S_IFMT) !== 0 || !mayBeDoorbell(fd.fd)) {
      throw new PageferryError('PEER_MISBEHAVED', 'the peer passed something else for a doorbell');
    }
    return new Doorbell(calls, fd);
  }

  /** Wakes the listener. */
  ring(): void {
    const { fd } = this.fd;
    // A bell that was rung 2^64 - 2 times takes no more, and will wake its listener anyway. Writing
    // to it would block if the peer has made it blocking, which it can, as both share it.
    if ((pollNow(this.#calls, fd, POLLOUT) & POLLOUT) !== 0) this.#calls.write(fd, ONE, 0, 8);
  }

  /**
   * Calls `onRing` on the event loop whenever the bell was rung.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  listen(onRing: () => void): void {
    const watcher = this.#calls.watch(this.fd.fd, POLLIN, () => {
      this.drain();
      onRing();
    });
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher, 'eventfd');
    this.#watcher = watcher;
  }

  /** Forgets the rings so far. */
  drain(): void {
    const { fd } = this.fd;
    // Reading a bell that the peer has drained before, and made blocking, would wait for the next ring.
    if ((pollNow(this.#calls, fd, POLLIN) & POLLIN) !== 0)
      this.#calls.read(fd, this.#counter, 0, 8);
  }

  /** Stops listening. Harmless the second time. */
  ignore(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Stops listening and closes the descriptor. Harmless the second time. */
  close(): void {
    this.ignore();
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
