import { Socket } from 'node:net';
import { finished, type Writable } from 'node:stream';
import {
  abortedError,
  checkFlag,
  checkWaitOptions,
  clock,
  type Delivery,
  invalidArgument,
  onAbort,
  type WaitOptions,
} from '@pageferry/core';
import { closeIfOver, isChannel, isSource, type MessageSource } from './ends.js';

/** Options of {@link pipeTo}. */
export interface PipeToOptions extends Pick<WaitOptions, 'signal'> {
  /** Whether the Writable is ended at the end of the source, as `end` of `readable.pipe`. Default: true. */
  readonly end?: boolean | undefined;
  /** See `StreamOptions.autoClose`: whether the source is closed when everything is over. Default: true. */
  readonly autoClose?: boolean | undefined;
  /**
   * Whether each message is copied before it is written. Default: only where the Writable may hand the same memory on
   * after its callback: if it can also be read from (a Transform, a PassThrough), a socket excepted, or is in object
   * mode. A Writable of your own that keeps chunks beyond their callback needs `true`; a compressor, which makes
   * memory of its own, does with `false`.
   */
  readonly copy?: boolean | undefined;
}

const OPTIONS = ['end', 'autoClose', 'copy', 'signal'] as const;

/**
 * Writes everything that a receiver, or a channel, receives to a Writable (a file, a socket, an HTTP response), without a
 * copy: each message is written out of the memory that it has arrived in, which is released in the callback of that
 * write, or once the Writable has closed, after which it reads nothing any more.
 *
 * Resolves when the source has ended, and everything was written; to how many bytes.
 *
 * @throws `INVALID_ARGUMENT`, `ABORTED`; as `receive`, after which the Writable is destroyed with that error; and what the
 *   Writable fails with (`ERR_STREAM_PREMATURE_CLOSE` if it was closed). In each case the source is closed, a channel
 *   destroyed, unless `autoClose` is false: then messages that were not written stay for the next call.
 * @example
 * await pipeTo(receiver, createWriteStream('arrived'));
 */
export async function pipeTo(
  source: MessageSource,
  writable: Writable,
  options: PipeToOptions = {},
): Promise<number> {
  if (!isSource(source)) throw invalidArgument('source', source, 'a receiver or a channel');
  if (typeof (writable as Partial<Writable> | undefined)?.write !== 'function') {
    throw invalidArgument('writable', writable, 'a Writable');
  }
  const { signal, ...flags } = checkWaitOptions(options, OPTIONS);
  const end = checkFlag('end', flags.end, true);
  const autoClose = checkFlag('autoClose', flags.autoClose, true);
  const copy = checkFlag('copy', flags.copy, mayHandOn(writable));
  if (signal?.aborted) throw abortedError(signal.reason);

  let hasEnded = false;
  try {
    const byteLength = await new DeliveryPipe(source, writable, copy).run(end, signal);
    hasEnded = true;
    return byteLength;
  } finally {
    if (autoClose) await endSource(source, hasEnded);
  }
}

/** True for what may hand on the memory that it was given, later than it calls back. */
function mayHandOn(writable: Writable): boolean {
  if (writable instanceof Socket) return false;
  const isReadable = typeof (writable as { read?: unknown }).read === 'function';
  return isReadable || writable.writableObjectMode === true;
}

/** As Node says it of `write`. */
function endedByOther(): Error {
  const error = new Error('write after end: somebody else has ended the Writable');
  return Object.assign(error, { code: 'ERR_STREAM_WRITE_AFTER_END' });
}

/** Of a Writable that has closed too early: its own error, or what Node says where it has none. */
function whyClosed({ errored }: Writable): Error {
  if (errored) return errored;
  const error = new Error('premature close: somebody else has destroyed the Writable');
  return Object.assign(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

/** How often to look whether a Writable has closed that tells nobody, in milliseconds. */
const LOOK_EVERY = 20;

/** Settles with the Writable, unless it is forgotten before: one that goes on may be written to any number of times. */
function overOf(writable: Writable): { over: Promise<void>; forgetOver: () => void } {
  let forgetOver = (): void => undefined;
  const over = new Promise<void>((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      forgetOver();
      if (error) reject(error);
      else resolve();
    };
    const forget = finished(writable, { readable: false }, settle);
    // One that was made without its 'close' event tells nobody that it was destroyed.
    const looking = clock.setInterval(() => {
      if (writable.closed) settle(writable.writableFinished ? undefined : whyClosed(writable));
    }, LOOK_EVERY);
    looking.unref();
    forgetOver = () => {
      clock.clearInterval(looking);
      forget();
    };
  });
  return { over, forgetOver: () => forgetOver() };
}

async function endSource(source: MessageSource, hasEnded: boolean): Promise<void> {
  if (!isChannel(source)) await source.close();
  else if (hasEnded) await closeIfOver(source);
  else await source.destroy();
}

/** One run of {@link pipeTo}. */
class DeliveryPipe {
  readonly #source: MessageSource;
  readonly #writable: Writable;
  readonly #copy: boolean;
  /** What the Writable has not called back for. Of a copy the delivery was released before. */
  readonly #written = new Set<Delivery>();
  /** Fires when the Writable takes nothing any more, or the caller gives up. */
  readonly #stop = new AbortController();
  #wake: () => void = () => undefined;
  #byteLength = 0;

  constructor(source: MessageSource, writable: Writable, copy: boolean) {
    this.#source = source;
    this.#writable = writable;
    this.#copy = copy;
  }

  async run(end: boolean, signal: AbortSignal | undefined): Promise<number> {
    const writable = this.#writable;
    const { over, forgetOver } = overOf(writable);
    let isEnding = false;
    let isOver = false;
    over.then(
      () => {
        isOver = true;
        if (isEnding) this.#wake();
        else this.#stop.abort(endedByOther());
      },
      (error: unknown) => this.#stop.abort(error),
    );
    const releaseAll = (): void => {
      for (const delivery of this.#written) this.#release(delivery);
    };
    const wake = (): void => this.#wake();
    const forget = onAbort(signal, () => this.#stop.abort(abortedError(signal?.reason)));
    writable.on('close', releaseAll).on('drain', wake);
    this.#stop.signal.addEventListener('abort', wake);
    try {
      await this.#writeAll();
      if (end) {
        isEnding = true;
        // One that is destroyed while it ends looks as if it had ended, but for this.
        writable.end((error?: Error | null) => this.#noteFailure(error));
        // What still waits in the Writable may never be written: an abort ends this wait, too.
        await this.#until(() => isOver);
      } else await this.#until(() => this.#written.size === 0);
      return this.#byteLength;
    } catch (error) {
      const failure = this.#stop.signal.aborted ? this.#stop.signal.reason : error;
      // As `pipeline` does: who reads what was written must not take it for everything.
      if (!writable.destroyed) writable.destroy(failure as Error);
      await over.catch(() => undefined);
      // One that was made without its 'close' event has closed all the same.
      if (writable.closed) releaseAll();
      throw failure;
    } finally {
      forget();
      forgetOver();
      writable.off('drain', wake);
      if (this.#written.size === 0) writable.off('close', releaseAll);
    }
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      signal.throwIfAborted();
      const delivery = this.#source.tryReceive() ?? (await this.#source.receive({ signal }));
      if (delivery === undefined) return;
      if (signal.aborted) delivery.release();
      signal.throwIfAborted();
      this.#write(delivery);
      if (this.#writable.writableNeedDrain) {
        await this.#until(() => !this.#writable.writableNeedDrain);
      }
    }
  }

  #write(delivery: Delivery): void {
    this.#byteLength += delivery.byteLength;
    const bytes = this.#copy ? delivery.copy() : delivery.bytes;
    if (this.#copy) delivery.release();
    this.#written.add(delivery);
    this.#writable.write(bytes, (error) => {
      this.#noteFailure(error);
      this.#release(delivery);
    });
  }

  /** The callback of a write comes before its error is told otherwise. */
  #noteFailure(error: NodeJS.ErrnoException | null | undefined): void {
    if (!error) return;
    this.#stop.abort(error.code === 'ERR_STREAM_DESTROYED' ? whyClosed(this.#writable) : error);
  }

  #release(delivery: Delivery): void {
    if (this.#written.delete(delivery)) delivery.release();
    if (this.#written.size === 0) this.#wake();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.#stop.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#stop.signal.throwIfAborted();
  }
}
