import { Duplex, type DuplexOptions } from 'node:stream';
import type { Channel } from '@pageferry/core';
import { MessageReader } from '../message-reader.js';
import { MessageWriter } from '../message-writer.js';
import type { StreamSettings } from '../options.js';
import { DelayedFailure } from './delayed-failure.js';
import { type DestroyCallback, readOne, releaseUnread, settle } from './message-readable.js';
import { type WriteCallback, WritingHalf } from './message-writable.js';

/** A Duplex over a channel. */
export class MessageDuplex extends Duplex {
  readonly #reader: MessageReader;
  readonly #writer: MessageWriter;
  readonly #half: WritingHalf;
  readonly #failure = new DelayedFailure(this);

  constructor(channel: Channel, settings: StreamSettings, options: DuplexOptions) {
    super(options);
    this.#reader = new MessageReader(channel, settings);
    this.#writer = new MessageWriter(channel, settings);
    this.#half = new WritingHalf(this, this.#writer, settings.objectMode);
  }

  override _read(): void {
    readOne(this, this.#reader, this.#failure);
  }

  override read(size?: number): unknown {
    return this.#failure.after(super.read(size));
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
    if (this.#reader.givesDeliveries) releaseUnread(this);
    this.#half.stop();
    // Each half knows whether it has ended in order; one that has not ends the channel for both.
    const ending = Promise.all([this.#reader.end(), this.#writer.end()]);
    settle(ending, error, callback);
  }
}
