import { type LoopBudget, nextTurn } from '@pageferry/core';
import { EAGAIN, MSG_DONTWAIT, PIPE_BUF, POLLOUT, S_IFREG, S_IFSOCK } from '../calls/constants.js';
import { systemCallError } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import { waitUntilReady } from '../readiness/wait-until-ready.js';
import type { Destination } from './destination.js';
import { writeToFileOnThread } from './write-to-file.js';

/** What it takes to write to destinations. */
export interface WriterSettings {
  /** The system calls of a binding. */
  readonly calls: LinuxCalls;
  /** How long it may hold the event loop. */
  readonly budget: LoopBudget;
  /** For how long to look for room before parking. */
  readonly spinMicroseconds: number;
}

/** How much goes at once: an abort takes effect in between. */
const PIECE_BYTES = 1024 * 1024;

/** A multiple of every block size in use: direct I/O takes nothing less. */
const BLOCK_BYTES = 4096;

const NO_DESCRIPTORS = new Int32Array(0);

/** A way to write some bytes: how many, or `-errno`. */
type Write = (bytes: Uint8Array, offset: number, length: number) => number | Promise<number>;

/**
 * Writes bytes to a descriptor of any kind: one copy, the kernel's. Neither the event loop nor a thread is ever
 * blocked by whoever does not read.
 *
 * | destination | how |
 * | --- | --- |
 * | a file | on libuv's pool: a disk may take its time |
 * | a socket | sendmsg(2) with `MSG_DONTWAIT`, which does not block whatever its mode is |
 * | what is non-blocking | write(2) |
 * | anything else | write(2) of no more than `PIPE_BUF` bytes, once there is room (poll(2), pipe(7)) |
 */
export class DestinationWriter {
  readonly #settings: WriterSettings;
  readonly #destination: Destination;
  readonly #write: Write;
  readonly #most: number;
  /** Whether to wait for room each time, and not only once there is none. */
  readonly #waits: boolean;

  constructor(settings: WriterSettings, destination: Destination) {
    this.#settings = settings;
    this.#destination = destination;
    const { type, blocks } = destination;
    this.#waits = blocks && type !== S_IFREG && type !== S_IFSOCK;
    this.#most = this.#waits ? PIPE_BUF : PIECE_BYTES;
    this.#write = this.#way();
  }

  /**
   * Waits for room, and writes as many bytes as go at once, from `offset` on. Once it is over, no thread uses them
   * any more.
   *
   * @returns how many; 0 if a program has detached the bytes meanwhile.
   * @throws `signal.reason`, `SYSTEM_CALL_FAILED`.
   */
  async write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<number> {
    const { calls, budget, spinMicroseconds } = this.#settings;
    const { fd } = this.#destination;
    for (let waits = this.#waits; ; waits = true) {
      if (budget.exhausted()) await nextTurn();
      if (signal.aborted) throw signal.reason;
      if (waits) await waitUntilReady(calls, fd, POLLOUT, spinMicroseconds, signal);
      if (bytes.length < offset + length) return 0;
      const count = await this.#write(bytes, offset, Math.min(this.#most, length));
      if (count >= 0) return count;
      if (count !== -EAGAIN) throw systemCallError('write', count);
    }
  }

  #way(): Write {
    const { calls } = this.#settings;
    const { fd, type, isDirect } = this.#destination;
    if (type === S_IFSOCK) {
      return (bytes, offset, length) =>
        calls.sendmsg(fd, bytes, offset, length, NO_DESCRIPTORS, 0, MSG_DONTWAIT);
    }
    if (type !== S_IFREG) {
      return (bytes, offset, length) => calls.write(fd, bytes, offset, length);
    }
    return (bytes, offset, length) => {
      // Whole blocks first, which go past the page cache; what is left at the end cannot.
      const blocks = isDirect ? length - (length % BLOCK_BYTES) : 0;
      return writeToFileOnThread(calls, fd, bytes, offset, blocks || length);
    };
  }
}
