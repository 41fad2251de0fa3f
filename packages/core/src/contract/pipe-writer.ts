import type { ReadStream, WriteStream } from 'node:fs';
import type { Loan, SendOutcome } from './sender.js';
import type { WaitOptions } from './transport.js';

/**
 * A descriptor of one end of a pipe: its number, or an object that holds one in `fd` (a `FileHandle` of
 * `node:fs/promises`, a stream of `node:fs` once it is open, an `OwnedFd`). It stays the caller's.
 */
export type PipeDescriptor = number | { readonly fd: number } | ReadStream | WriteStream;

/** Options of a {@link PipeWriter}. */
export interface PipeWriterOptions {
  /**
   * The end of a pipe that can be written to. The writer works on a duplicate: this one is yours to
   * close at any time, and the program sees the end of its input once both are closed. The `stdio` pipes
   * that Node makes are sockets: they are refused, and the error says what to do instead.
   */
  readonly pipe: PipeDescriptor;
  /**
   * How many bytes may be on loan, or accepted and not in the pipe yet. `loan` and `write` wait above
   * it. More at once is possible when nothing else is out. Default: 64 MiB.
   */
  readonly poolBytes?: number | undefined;
  /** As `SenderOptions.spinMicroseconds`. Default: 100. */
  readonly spinMicroseconds?: number | undefined;
}

/** Counters of a {@link PipeWriter} since it was made. A snapshot. */
export interface PipeWriterStats {
  /** Bytes that went into the pipe. Whether the program has read them nobody says. */
  readonly bytesWritten: number;
  /** Loans that are in the caller's hands now. */
  readonly loansHeld: number;
  /** Bytes of memory that are on loan, or accepted and not in the pipe yet, in whole pages. */
  readonly bytesOut: number;
  /** How bytes get into the pipe: `vmsplice`, or `write` where that is refused or copies. */
  readonly method: string;
  /** Why the method is not the best one. Absent when it is. */
  readonly methodReason?: string | undefined;
}

/**
 * Writes bytes into a pipe that any program reads. Disposable with `await using`.
 *
 * A pipe is a stream: what is written in two calls may be read in one, or in ten. Pages go into it by
 * reference, and are not written again, because nobody says when the program is done with them.
 *
 * A write has the outcomes that a message of a sender has:
 *
 * - `sent`: all of it is in the pipe, or, from `trySend` of a loan, on its way there. Whether the program
 *   has read it nobody says.
 * - `full`: there is no room now (only from `trySend`). The loan is still yours.
 * - `no-receiver`: nobody reads at the other end any more, and not all of it went in. That is nothing out
 *   of the ordinary: a program ends when it has read enough. A loan of which nothing went in is still
 *   yours (`loan.owned`), and `stats().bytesWritten` tells how much did.
 *
 * What fails on this side is thrown. If it was in the middle of a write, every later write throws it too:
 * the stream has a hole.
 *
 * @example
 * const loan = await writer.loan(1024 * 1024);
 * loan.bytes.fill(7);
 * if ((await loan.send()) === 'no-receiver') loan.release();
 * await writer.close(); // The program sees the end of its input.
 */
export interface PipeWriter extends AsyncDisposable {
  /** True once `close` or `destroy` was called. */
  readonly closed: boolean;
  /**
   * Lends memory to write into. Its `send` moves the pages into the pipe, and resolves when the last of
   * them is in it; its `trySend` lets them go in in the background.
   *
   * An abort or a time-out of `send` loses nothing: either none of the bytes went in, and the loan is
   * still yours (`loan.owned`), or all of them go in, in the background ({@link flush}).
   *
   * @param byteLength from 0 to nearly 4 GiB.
   * @throws `INVALID_ARGUMENT`, `MESSAGE_TOO_LARGE`, `CLOSED`, `ABORTED`, `TIMEOUT`,
   *   `SYSTEM_CALL_FAILED` (`mmap`, when memory is short). `send` and `trySend`: `LOAN_NOT_OWNED`,
   *   `CLOSED`, `BYTES_DETACHED`, `SYSTEM_CALL_FAILED`, and `send` also `ABORTED`, `TIMEOUT`.
   */
  loan(byteLength: number, options?: WaitOptions): Promise<Loan>;
  /** As {@link loan}, or `undefined` where `loan` would wait. */
  tryLoan(byteLength: number): Loan | undefined;
  /**
   * Copies `bytes` into a loan and sends it: one copy, and the bytes stay yours. A time limit holds for
   * all of it. After an abort or a time-out either none of the bytes went in, or all of them go in; use
   * a loan, whose `owned` tells, where that matters.
   *
   * @param bytes any view of memory (a `Buffer`, a `Float64Array`, a `DataView`), or an array of them.
   * @throws as `loan` and its `send`; `BYTES_DETACHED` also if the bytes are not there any more, or their memory becomes
   *   shorter while the call waits. Nothing was written then.
   */
  write(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: WaitOptions,
  ): Promise<SendOutcome>;
  /**
   * Waits until all that was accepted is in the pipe. Whether the program has read it nobody says.
   *
   * @throws `CLOSED`, `ABORTED`, `TIMEOUT`; `PEER_DIED` (nobody reads any more) or `SYSTEM_CALL_FAILED` if
   *   some of it can never go in, each time; `bytesTransferred` bytes of that write had gone in.
   */
  flush(options?: WaitOptions): Promise<void>;
  /**
   * Orderly end: lets what was accepted go into the pipe, and closes it. The program sees the end of its
   * input when it has read all of it, unless somebody else has the pipe open for writing. Loans that are
   * still in the caller's hands are released; calls that wait reject with `CLOSED`. If the program is
   * gone there is nobody to tell, and nothing to wait for. Calling it again is harmless.
   *
   * An abort or a time-out turns it into {@link destroy} and is then thrown.
   */
  close(options?: WaitOptions): Promise<void>;
  /** Closes the pipe at once. What was accepted and is not in it yet never will be. */
  destroy(): Promise<void>;
  /** Has this writer keep its process alive until it is closed, as it does unless told otherwise. */
  ref(): this;
  /** Lets the process end although this writer is open; also while calls of it wait. */
  unref(): this;
  /** Counters since the writer was made. */
  stats(): PipeWriterStats;
}
