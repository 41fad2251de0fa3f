import { type LoopBudget, nextTurn } from '@pageferry/core';
import {
  checkResult,
  EAGAIN,
  type LinuxCalls,
  MSG_DONTWAIT,
  O_DIRECT,
  O_NONBLOCK,
  PIPE_BUF,
  POLLOUT,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  STAT_FIELD,
  systemCallError,
  waitUntilReady,
  writeToFileOnThread,
} from '@pageferry/linux';
import type { InboundMessage } from './inbound-message.js';

/** What a {@link MessageWriter} needs. It owns none of it. */
export interface MessageWriterSettings {
  readonly calls: LinuxCalls;
  readonly budget: LoopBudget;
  readonly spinMicroseconds: number;
}

/** How much of a message goes at once: an abort takes effect in between. */
const PIECE_BYTES = 1024 * 1024;

/** A multiple of every block size in use: direct I/O takes nothing less. */
const BLOCK_BYTES = 4096;

const NO_DESCRIPTORS = new Int32Array(0);

/** A way to write some bytes: how many, or `-errno`. */
type Write = (bytes: Uint8Array, offset: number, length: number) => number | Promise<number>;

/**
 * Writes messages to descriptors of any kind straight out of the shared memory: one copy, the
 * kernel's. Neither the event loop nor a thread is ever blocked by whoever does not read.
 */
export class MessageWriter {
  readonly #settings: MessageWriterSettings;

  constructor(settings: MessageWriterSettings) {
    this.#settings = settings;
  }

  /**
   * Writes what is left of `message` to `fd`. Ends early if a program detaches the bytes. Once it is over, no
   * thread uses them any more.
   *
   * @throws `signal.reason`, `SYSTEM_CALL_FAILED`.
   */
  async write(fd: number, message: InboundMessage, signal: AbortSignal): Promise<void> {
    const { calls, budget, spinMicroseconds } = this.#settings;
    const { write, most, waits } = this.#wayTo(fd);
    const { bytes } = message;
    while (message.offset < bytes.length) {
      if (budget.exhausted()) await nextTurn();
      if (signal.aborted) throw signal.reason;
      if (waits) await waitUntilReady(calls, fd, POLLOUT, spinMicroseconds, signal);
      const length = Math.min(most, bytes.length - message.offset);
      const count = await write(bytes, message.offset, length);
      if (count === -EAGAIN) await waitUntilReady(calls, fd, POLLOUT, spinMicroseconds, signal);
      else if (count < 0) throw systemCallError('write', count);
      else message.offset += count;
    }
  }

  /** How to write to a descriptor, how much at once, and whether to wait for room each time. */
  #wayTo(fd: number): { readonly write: Write; readonly most: number; readonly waits: boolean } {
    const { calls } = this.#settings;
    const fields = new BigInt64Array(6);
    checkResult(calls.fstat(fd, fields), 'fstat', `descriptor ${fd}`);
    const flags = checkResult(calls.getStatusFlags(fd), 'fcntl', 'F_GETFL');
    const most = PIECE_BYTES;
    switch (Number(fields[STAT_FIELD.mode]) & S_IFMT) {
      case S_IFREG:
        return { write: this.#toFile(fd, flags), most, waits: false };
      case S_IFSOCK: {
        const write: Write = (bytes, offset, length) =>
          calls.sendmsg(fd, bytes, offset, length, NO_DESCRIPTORS, 0, MSG_DONTWAIT);
        return { write, most, waits: false };
      }
      default: {
        const write: Write = (bytes, offset, length) => calls.write(fd, bytes, offset, length);
        const blocks = (flags & O_NONBLOCK) === 0;
        return { write, most: blocks ? PIPE_BUF : most, waits: blocks };
      }
    }
  }

  /** A disk may take its time: on a thread. What direct I/O refuses goes the ordinary way. */
  #toFile(fd: number, flags: number): Write {
    const { calls } = this.#settings;
    const direct = (flags & O_DIRECT) !== 0;
    return (bytes, offset, length) => {
      // Whole blocks first, which go past the page cache; what is left at the end cannot.
      const blocks = direct ? length - (length % BLOCK_BYTES) : 0;
      return writeToFileOnThread(calls, fd, bytes, offset, blocks || length);
    };
  }
}
