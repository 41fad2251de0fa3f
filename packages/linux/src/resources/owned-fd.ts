import { dispose, PageferryError } from '@pageferry/core';
import { checkResult } from '../calls/errors.js';
import type { FileCalls } from '../calls/file-calls.js';
import type { RuntimeServices } from '../calls/runtime-services.js';

/** What it takes to own a descriptor. */
type DescriptorCalls = FileCalls & RuntimeServices;

/**
 * The one owner of a descriptor: it closes it exactly once, at the latest when its thread ends.
 * Disposable with `using`.
 *
 * Pass `fd` to whoever only uses the descriptor; pass the `OwnedFd` to whoever shall own it.
 */
export class OwnedFd implements Disposable {
  readonly #calls: DescriptorCalls;
  #fd: number;

  constructor(calls: DescriptorCalls, fd: number) {
    this.#calls = calls;
    this.#fd = fd;
    calls.closeAtThreadEnd(fd, true);
  }

  /**
   * The descriptor's number, valid until `close` or `release`.
   *
   * @throws `CLOSED` afterwards.
   */
  get fd(): number {
    if (this.#fd < 0) throw new PageferryError('CLOSED', 'this descriptor is closed');
    return this.#fd;
  }

  /** True until `close` or `release`. */
  get open(): boolean {
    return this.#fd >= 0;
  }

  /**
   * A second owner of the same open file description (`F_DUPFD_CLOEXEC`, fcntl(2)).
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  duplicate(): OwnedFd {
    return OwnedFd.duplicateOf(this.#calls, this.fd);
  }

  /** Gives the descriptor up without closing it; the caller owns it now. */
  release(): number {
    const fd = this.fd;
    this.#calls.closeAtThreadEnd(fd, false);
    this.#fd = -1;
    return fd;
  }

  /** Closes the descriptor (close(2)). Harmless the second time. */
  close(): void {
    if (this.#fd < 0) return;
    // The result is of no use: on Linux the descriptor is gone whatever close answers.
    this.#calls.close(this.#fd);
    this.#fd = -1;
  }

  [dispose](): void {
    this.close();
  }

  /**
   * An owner for a duplicate of a descriptor that belongs to somebody else.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  static duplicateOf(calls: DescriptorCalls, fd: number): OwnedFd {
    return new OwnedFd(calls, checkResult(calls.duplicate(fd, 0), 'fcntl', 'F_DUPFD_CLOEXEC'));
  }
}
