import { dispose, PageferryError } from '@pageferry/core';
import {
  checkResult,
  type DescriptorWatcher,
  EAGAIN,
  EFD_NONBLOCK,
  EINVAL,
  type LinuxCalls,
  OwnedFd,
  POLLIN,
  POLLOUT,
  pollNow,
  readNow,
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

  /**
   * Wakes the listener.
   *
   * @throws `SYSTEM_CALL_FAILED`: the listener may sleep on.
   */
  ring(): void {
    const { fd } = this.fd;
    // A bell that was rung 2^64 - 2 times takes no more, and will wake its listener anyway. Writing
    // to it would block if the peer has made it blocking, which it can, as both share it. For writing the
    // kernel has no RWF_NOWAIT: a peer that fills the bell after this look blocks the write.
    if ((pollNow(this.#calls, fd, POLLOUT) & POLLOUT) === 0) return;
    const written = this.#calls.write(fd, ONE, 0, 8);
    // EINVAL: the peer passed something that is no eventfd, and will not hear this side.
    if (written < 0 && written !== -EAGAIN && written !== -EINVAL)
      throw systemCallError('write', written, 'eventfd');
  }

  /**
   * Calls `onRing` on the event loop whenever the bell was rung.
   *
   * @param onRing must not throw.
   * @param onFailure gets what went wrong, if rings are not noticed any more. Called at most once.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  listen(onRing: () => void, onFailure: (error: unknown) => void = () => undefined): void {
    const watcher = this.#calls.watch(this.fd.fd, POLLIN, (error) => {
      try {
        if (error < 0) throw systemCallError('epoll_wait', error, 'eventfd');
        this.drain();
      } catch (failure) {
        this.ignore();
        onFailure(failure);
        return;
      }
      onRing();
    });
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher, 'eventfd');
    this.#watcher = watcher;
  }

  /**
   * Forgets the rings so far.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  drain(): void {
    // A plain read would wait for the next ring if the peer, which shares the bell, has drained it and made it blocking.
    const read = readNow(this.#calls, this.fd.fd, this.#counter, 0, 8);
    if (read >= 0 || read === -EAGAIN) return;
    // EINVAL: the peer passed something that is no eventfd. Its rings will not be believed for long.
    if (read !== -EINVAL) throw systemCallError('read', read, 'eventfd');
  }

  /** Whether listening keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    if (on) this.#watcher?.ref();
    else this.#watcher?.unref();
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

  [dispose](): void {
    this.close();
  }
}
