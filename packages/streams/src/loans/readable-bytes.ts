import type { Readable } from 'node:stream';
import { invalidArgument, type Loan, onAbort, type PageferryError } from '@pageferry/core';
import type { ByteFiller } from './loan-from.js';

/** Streams that are read from only by this package at present. */
const heldBack = new WeakSet<Readable>();

/**
 * Has a stream keep, between two calls, what nobody has asked for yet. Node lets the standard output of a child that has
 * ended flow away, unless somebody listens for 'readable'; and an error between two calls is told by the next one. Whoever
 * then reads otherwise (`pipe`, 'data') has the stream to himself.
 */
function holdBack(stream: Readable): void {
  if (heldBack.has(stream) || stream.readableEnded || stream.destroyed) return;
  heldBack.add(stream);
  const nothing = (): void => undefined;
  const letGo = (event: string | symbol): void => {
    if (event !== 'data') return;
    heldBack.delete(stream);
    stream.off('newListener', letGo).off('readable', nothing).off('error', nothing);
  };
  stream.on('newListener', letGo).on('readable', nothing).on('error', nothing);
}

/** Reads out of a Readable, and never more than the loan takes: the rest stays in the stream's buffer. */
export class ReadableBytes implements ByteFiller {
  readonly idle = Promise.resolve();
  readonly #stream: Readable;

  /** @throws `INVALID_ARGUMENT` for a stream whose chunks are no bytes. */
  constructor(stream: Readable) {
    if (stream.readableObjectMode || stream.readableEncoding !== null) throw noBytes(stream);
    this.#stream = stream;
    holdBack(stream);
  }

  async fill(loan: Loan, signal: AbortSignal | undefined): Promise<number> {
    const stream = this.#stream;
    const { bytes } = loan;
    let count = 0;
    try {
      while (count < bytes.length) {
        if (signal?.aborted) throw signal.reason;
        if (stream.errored) throw stream.errored;
        const chunk = this.#next(bytes.length - count);
        if (chunk !== null) {
          bytes.set(chunk, count);
          count += chunk.length;
        } else if (stream.errored) {
          // It has failed while it was asked.
          throw stream.errored;
        } else if (stream.readableEnded || stream.destroyed) return this.#atEnd(count);
        else await this.#untilReadable(signal);
      }
      return count;
    } catch (error) {
      // What was taken goes back, so that the next call finds it.
      if (count > 0 && !stream.destroyed && !stream.readableEnded) {
        giveBack(stream, Buffer.from(bytes.subarray(0, count)));
      }
      throw error;
    }
  }

  #next(most: number): Uint8Array | null {
    const { readableLength } = this.#stream;
    if (readableLength > 0) {
      // It may have been told to give text since the call began.
      if (this.#stream.readableEncoding !== null) throw noBytes(this.#stream);
      return this.#stream.read(Math.min(most, readableLength));
    }
    // Has the stream fetch something, or notice its end.
    this.#stream.read(0);
    return null;
  }

  /** A stream that was destroyed without an error has no end: Node says so as here. */
  #atEnd(count: number): number {
    const { readableEnded } = this.#stream;
    if (readableEnded || this.#stream.readableAborted === false) return count;
    throw Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  }

  #untilReadable(signal: AbortSignal | undefined): Promise<void> {
    const stream = this.#stream;
    // It may have come while the stream was asked.
    if (stream.readableLength > 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const events = ['readable', 'end', 'close'] as const;
      const done = (): void => settle(resolve);
      const failed = (error: Error): void => settle(() => reject(error));
      const forget = onAbort(signal, () => settle(() => reject(signal?.reason)));
      function settle(how: () => void): void {
        forget();
        for (const event of events) stream.off(event, done);
        stream.off('error', failed);
        how();
      }
      for (const event of events) stream.on(event, done);
      stream.on('error', failed);
    });
  }
}

function noBytes(stream: Readable): PageferryError {
  return invalidArgument('source', stream, 'a Readable of bytes, without objects or an encoding');
}

function giveBack(stream: Readable, bytes: Buffer): void {
  const { readableEncoding: encoding } = stream;
  // Node takes bytes that are given back to a stream of text for text already.
  if (encoding === null) stream.unshift(bytes);
  else stream.unshift(bytes.toString(encoding), encoding);
}
