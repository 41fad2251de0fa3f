import {
  checkResult,
  type DescriptorWatcher,
  EFD_NONBLOCK,
  type LinuxCalls,
  OwnedFd,
  POLLIN,
  systemCallError,
} from '@pageferry/linux';

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

  /** Wakes the listener: one system call. */
  ring(): void {
    // EAGAIN means that it has been rung 2^64 - 2 times already: the listener will wake anyway.
    this.#calls.write(this.fd.fd, ONE, 0, 8);
  }

  /**
   * Calls `onRing` on the event loop whenever the bell was rung.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  listen(onRing: () => void): void {
    const watcher = this.#calls.watch(this.fd.fd, POLLIN, () => {
      this.#calls.read(this.fd.fd, this.#counter, 0, 8);
      onRing();
    });
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher, 'eventfd');
    this.#watcher = watcher;
  }

  /** Stops listening and closes the descriptor. Harmless the second time. */
  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
