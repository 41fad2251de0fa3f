import type { PipeDescriptor } from './pipe-writer.js';
import type { SpliceDestination, SpliceMethod } from './receiver.js';
import type { WaitOptions } from './transport.js';

/** Options of a {@link PipeReader}. */
export interface PipeReaderOptions {
  /**
   * The end of a pipe that can be read from. The reader works on a duplicate: this one is yours to close
   * at any time, and the program gets `EPIPE` or SIGPIPE once both are closed. The `stdio` pipes that
   * Node makes are sockets: they are refused, and the error says what to do instead.
   */
  readonly pipe: PipeDescriptor;
  /**
   * How many bytes of chunks may be held that were not released yet, each counted with the memory that
   * it takes up, usually 256 KiB. `read` waits above it. Default: 64 MiB.
   */
  readonly maxBorrowedBytes?: number | undefined;
  /** As `ReceiverOptions.spinMicroseconds`. Default: 100. */
  readonly spinMicroseconds?: number | undefined;
}

/** Options of {@link PipeReader.tryRead}. */
export interface PipeTakeOptions {
  /** The most bytes to take, a positive integer. Default: 256 KiB for `read`; for `spliceTo` what is there. */
  readonly maxBytes?: number | undefined;
}

/** Options of {@link PipeReader.read}. */
export interface PipeReadOptions extends PipeTakeOptions, WaitOptions {}

/** Options of {@link PipeReader.spliceTo}. */
export interface PipeSpliceOptions extends PipeReadOptions {
  /** A pipe that gets the same bytes too. */
  readonly tee?: SpliceDestination | undefined;
}

/**
 * Bytes that came out of a pipe: the caller's, for reading and writing, until they are released. Where a
 * chunk begins and ends means nothing: the kernel cuts a stream as it likes.
 */
export interface PipeChunk extends Disposable {
  /**
   * The bytes.
   *
   * @throws `DELIVERY_RELEASED` after the last `release`, `BYTES_DETACHED` if another API has taken the
   *   memory over.
   */
  readonly bytes: Uint8Array;
  /** Length of `bytes`. Readable in every state. */
  readonly byteLength: number;
  /** How many bytes of the stream came before these. */
  readonly offset: number;
  /** True once nobody holds it any more, or its reader was closed. */
  readonly released: boolean;
  /** The bytes in memory of their own, which stays valid for ever. One copy. */
  copy(): Buffer;
  /** Adds a hold, as `Delivery.retain` does: for whoever reads on after the call that got the chunk. */
  retain(): this;
  /** Ends one hold, and gives the memory back with the last. Does nothing after that. */
  release(): void;
}

/** What {@link PipeReader.spliceTo} did. */
export interface PipeSpliceResult {
  /** Bytes that this call moved on: at least one. */
  readonly byteLength: number;
  /** How they went: `splice` moves references to pages, `read-write` goes through a buffer. */
  readonly method: Extract<SpliceMethod, 'splice' | 'read-write'>;
  /** How often a byte was copied into or out of user memory: 0 for `splice`, 2 for `read-write`. */
  readonly userSpaceCopies: number;
}

/** Counters of a {@link PipeReader} since it was made. A snapshot. */
export interface PipeReaderStats {
  /** Bytes that were handed to the caller or moved on; also by calls that failed or were given up then. */
  readonly bytesRead: number;
  /** Chunks that are in the caller's hands now. */
  readonly chunksHeld: number;
  /** Bytes of those chunks. */
  readonly bytesHeld: number;
}

/**
 * Reads bytes out of a pipe that any program writes. Disposable with `await using`.
 *
 * Bytes come in order, each once. Calls that wait are served in the order in which they were made. The
 * end of the stream is when nobody has the pipe open for writing any more: of a pipe alone it cannot be
 * said whether the program was done or has died, its exit code tells that.
 *
 * @example
 * for await (using chunk of reader) hash.update(chunk.bytes);
 */
export interface PipeReader extends AsyncDisposable, AsyncIterable<PipeChunk> {
  /** True once `close` was called. */
  readonly closed: boolean;
  /** True once a call has found the end of the stream. A loop over `tryRead` looks here. */
  readonly ended: boolean;
  /**
   * Waits for bytes, and takes what is there: at least one, at most `maxBytes`. Resolves to `undefined`
   * at the end of the stream.
   *
   * @throws `INVALID_ARGUMENT`, `CLOSED`, `ABORTED`, `TIMEOUT` (no byte is lost by either),
   *   `SYSTEM_CALL_FAILED`.
   */
  read(options?: PipeReadOptions): Promise<PipeChunk | undefined>;
  /**
   * What is there now, if no other call waits for it; `undefined` otherwise, and at the end, which
   * {@link ended} tells.
   *
   * @throws `INVALID_ARGUMENT`, `CLOSED`, `SYSTEM_CALL_FAILED`.
   */
  tryRead(options?: PipeTakeOptions): PipeChunk | undefined;
  /**
   * Waits for bytes and moves what is there on to a descriptor, without bringing it into user memory
   * where that is possible and faster. Resolves to `undefined` at the end of the stream: for all of it,
   * call it until then.
   *
   * If it fails or is given up, what has not moved on is kept: for the next `spliceTo`, to the same
   * destination or another, or for `read`. With the same `tee`, nothing is duplicated twice.
   *
   * @throws as `read`, and `SYSTEM_CALL_FAILED` with `errnoName` (`ENOSPC`, `EPIPE`, …) and
   *   `bytesTransferred`.
   */
  spliceTo(
    destination: SpliceDestination,
    options?: PipeSpliceOptions,
  ): Promise<PipeSpliceResult | undefined>;
  /**
   * Closes the pipe: the program gets `EPIPE` or SIGPIPE when it writes on. Chunks that are still held
   * are released, calls that wait reject with `CLOSED`; a write of `spliceTo` that has begun is let end.
   * Calling it again is harmless.
   */
  close(): Promise<void>;
  /**
   * Has this reader keep its process alive until it is closed or has seen the end, as it does unless told
   * otherwise.
   */
  ref(): this;
  /** Lets the process end although this reader is open; also while calls of it wait. */
  unref(): this;
  /** Counters since the reader was made. */
  stats(): PipeReaderStats;
}
