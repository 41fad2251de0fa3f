import { Writable, type WritableOptions } from 'node:stream';
import type { Payload } from '@pageferry/core';
import { KeptLoans } from '../kept-loans.js';
import type { MessageWriter } from '../message-writer.js';
import { type DestroyCallback, settle } from './message-readable.js';

/** What Node hands to `_writev`. */
export type Written = readonly { readonly chunk: unknown; readonly encoding: BufferEncoding }[];

/** What Node hands to `_write` and `_final`. */
export type WriteCallback = (error?: Error | null) => void;

/** The writable half of a stream over messages: of a Writable, and of a Duplex. */
export class WritingHalf {
  readonly #writer: MessageWriter;
  readonly #objectMode: boolean;
  readonly #loans = new KeptLoans();

  /** @param stream gets a `_writev` unless it is of objects. */
  constructor(stream: Writable, writer: MessageWriter, objectMode: boolean) {
    this.#writer = writer;
    this.#objectMode = objectMode;
    // By its presence Node gathers what waits; each message of object mode goes for itself.
    if (!objectMode) stream._writev = (written, done) => this.write(written, done);
  }

  /** Remembers a chunk that is given to the stream. */
  keep(chunk: unknown): void {
    if (this.#objectMode) this.#loans.keep(chunk);
  }

  /** Sends what was written: in byte mode gathered, in object mode one message for each chunk. */
  write(written: Written, callback: WriteCallback): void {
    let sending: Promise<void> | undefined;
    try {
      sending = this.#objectMode
        ? this.#writeMessages(written)
        : this.#writer.writeBytesAtOnce(written.map(({ chunk }) => chunk as Uint8Array));
    } catch (error) {
      callback(error as Error);
      return;
    }
    if (sending === undefined) {
      // Not yet: what is written until then goes together.
      process.nextTick(callback);
      return;
    }
    sending.then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }

  /** The end of what is written. */
  finish(callback: WriteCallback): void {
    this.#writer.finish().then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }

  /** Gives back what was never sent, and what is given to the stream from then on. */
  stop(): void {
    this.#writer.stop();
    this.#loans.stop();
  }

  async #writeMessages(written: Written): Promise<void> {
    for (const { chunk, encoding } of written) {
      this.#loans.forget(chunk);
      await this.#writer.writeMessage(chunk as Payload | string, encoding);
    }
  }
}

/** A Writable over messages. */
export class MessageWritable extends Writable {
  readonly #writer: MessageWriter;
  readonly #half: WritingHalf;

  constructor(writer: MessageWriter, options: WritableOptions) {
    super(options);
    this.#writer = writer;
    this.#half = new WritingHalf(this, writer, options.objectMode === true);
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    this.#half.keep(chunk);
    return super.write(chunk, ...(rest as []));
  }

  /** Node hands the last chunk to no {@link write}. */
  override end(...last: unknown[]): this {
    this.#half.keep(last[0]);
    return super.end(...(last as []));
  }

  override _write(chunk: unknown, encoding: BufferEncoding, callback: WriteCallback): void {
    this.#half.write([{ chunk, encoding }], callback);
  }

  override _final(callback: WriteCallback): void {
    this.#half.finish(callback);
  }

  override _destroy(error: Error | null, callback: DestroyCallback): void {
    this.#half.stop();
    settle(this.#writer.end(), error, callback);
  }
}
