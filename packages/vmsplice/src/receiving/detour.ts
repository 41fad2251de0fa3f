import { closeSync, openSync } from 'node:fs';
import {
  createGrownPipe,
  type LinuxCalls,
  OwnedFd,
  type Pipe,
  SPLICE_F_NONBLOCK,
  systemCallError,
} from '@pageferry/linux';

/** What goes through it at a time, at most. */
const BYTES = 256 * 1024;

/**
 * A pipe of this side's own, through which bytes of another pipe go on to a destination that may block.
 *
 * The kernel keeps a pipe locked while a splice out of it waits for its destination, and whoever writes to the pipe
 * waits for the lock, in non-blocking mode too. Nobody writes to this one meanwhile.
 */
export class Detour {
  readonly #calls: LinuxCalls;
  readonly #pipe: Pipe;
  /** `/dev/null`: where what has gone on leaves the other pipe to. */
  readonly #nowhere: OwnedFd;

  private constructor(calls: LinuxCalls, pipe: Pipe, nowhere: OwnedFd) {
    this.#calls = calls;
    this.#pipe = pipe;
    this.#nowhere = nowhere;
  }

  /**
   * Opens one. It is the caller's.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`); nothing is left open then.
   */
  static open(calls: LinuxCalls): Detour {
    const nowhere = openNowhere(calls);
    try {
      return new Detour(calls, createGrownPipe(calls, BYTES), nowhere);
    } catch (error) {
      nowhere.close();
      throw error;
    }
  }

  /** True until it was closed, which it is as well when something stays in it that did not go on. */
  get open(): boolean {
    return this.#nowhere.open;
  }

  /**
   * Moves up to `length` bytes of the pipe `from` to `fd` on libuv's thread pool. What does not arrive there stays in
   * `from`.
   *
   * @returns as splice(2): how many, 0 at the end of `from`, or a negated errno.
   */
  async spliceOnThread(from: number, fd: number, length: number): Promise<number> {
    const calls = this.#calls;
    const { readEnd, writeEnd } = this.#pipe;
    const held = calls.tee(from, writeEnd.fd, length, SPLICE_F_NONBLOCK);
    if (held <= 0) return held;
    const moved = await calls.spliceOnThread(readEnd.fd, fd, held, SPLICE_F_NONBLOCK);
    const dropped = this.#drop(from, moved);
    if (moved < held) this.close();
    return dropped;
  }

  /** Takes `count` bytes out of `from`. Returns `count`, or why there are fewer. */
  #drop(from: number, count: number): number {
    for (let left = count; left > 0; ) {
      const dropped = this.#calls.splice(from, this.#nowhere.fd, left, SPLICE_F_NONBLOCK);
      if (dropped <= 0) return dropped;
      left -= dropped;
    }
    return count;
  }

  /** Closes it, once no call is under way. Harmless the second time. */
  close(): void {
    for (const each of [this.#pipe.readEnd, this.#pipe.writeEnd, this.#nowhere]) each.close();
  }
}

function openNowhere(calls: LinuxCalls): OwnedFd {
  let opened: number;
  try {
    opened = openSync('/dev/null', 'w');
  } catch (error) {
    throw systemCallError('open', (error as { errno: number }).errno);
  }
  try {
    // Node keeps a list of what it has opened: what Node has opened, Node closes.
    return OwnedFd.duplicateOf(calls, opened);
  } finally {
    closeSync(opened);
  }
}
