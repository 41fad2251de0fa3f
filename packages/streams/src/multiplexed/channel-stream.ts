import { Duplex } from 'node:stream';
import { checkBytes, encodeError, PageferryError, type Payload } from '@pageferry/core';
import type { Written } from '../node/message-writable.js';
import { gathered } from '../pieces.js';
import { creditBytes, FRAME, INITIAL_WINDOW, type Opening, type StreamKey } from './frames.js';

type Callback = (error?: Error | null) => void;

/** What a stream needs of those that share its channel. */
export interface StreamOwner {
  /** Bytes that a stream may have received and not handed on. */
  readonly windowBytes: number;
  /** Sends a frame, in the order of the calls. Rejects if nobody is there any more. */
  send(kind: number, key: StreamKey, payload: readonly Uint8Array[]): Promise<void>;
  /** The stream is over for both sides. */
  forget(stream: ChannelStream): void;
}

/** The most that one frame of a stream of bytes has, so that all streams have their turn. */
const FRAME_BYTES = 64 * 1024;

/**
 * One of many streams over a channel: a Duplex of Node's, with back-pressure, an end and an abort of its own. `destroy()`
 * before the end has it fail at the other side with `STREAM_RESET`.
 */
export class ChannelStream extends Duplex {
  /** What the side that has opened it calls it. */
  readonly name: string;
  /** What else that side has said of it: what JSON can carry. `undefined` if nothing. */
  readonly metadata: unknown;
  readonly #owner: StreamOwner;
  readonly #key: StreamKey;
  /** What has come and was not asked for yet. */
  readonly #waiting: Uint8Array[] = [];
  #isAsked = false;
  /** What the other side may still send. */
  #window = INITIAL_WINDOW;
  /** Bytes handed on that the other side was not told of. */
  #toGrant: number;
  /** What this side may still send. */
  #credit = INITIAL_WINDOW;
  #onCredit: Callback | undefined;
  /** Why no credit can come any more. */
  #lastCredit: Error | undefined;
  /** No frame of this stream is sent, or taken, any more. */
  #theirEnd = false;
  #ourEnd = false;
  #isReset = false;

  /** Made by `ChannelStreams` only. */
  constructor(owner: StreamOwner, key: StreamKey, opening: Opening) {
    const { objectMode = false, reads = true, writes = true } = opening;
    const readable = key.isOurs ? reads : writes;
    const writable = key.isOurs ? writes : reads;
    // Node knows `readable` and `writable` here; its types do not.
    const directions: object = { readable, writable };
    super({
      objectMode,
      ...directions,
      ...(objectMode ? { readableHighWaterMark: 1, writableHighWaterMark: 1 } : {}),
    });
    this.name = opening.name;
    this.metadata = opening.metadata;
    this.#owner = owner;
    this.#key = key;
    this.#theirEnd = !readable;
    this.#ourEnd = !writable;
    this.#toGrant = readable ? owner.windowBytes - INITIAL_WINDOW : 0;
    if (!objectMode) this._writev = (written, done) => this.#write(written, done);
  }

  /** Which of the streams of the channel it is. */
  get key(): StreamKey {
    return this.#key;
  }

  /** Node's stream asks for more. */
  override _read(): void {
    this.#isAsked = true;
    this.#handOn();
  }

  /** Node's stream has something to write. */
  override _write(chunk: unknown, encoding: BufferEncoding, callback: Callback): void {
    this.#write([{ chunk, encoding }], callback);
  }

  /** Node's stream has written all. */
  override _final(callback: Callback): void {
    this.#ourEnd = true;
    const sending = this.#owner.send(FRAME.END, this.#key, []);
    sending.then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }

  /** Node's stream is given up. */
  override _destroy(error: Error | null, callback: Callback): void {
    this.#waiting.length = 0;
    this.#onCredit?.(error);
    if (!this.#isReset && !this.isComplete) {
      const payload = error === null ? [] : [encodeError(error)];
      this.#owner.send(FRAME.RESET, this.#key, payload).catch(() => undefined);
    }
    this.#owner.forget(this);
    callback(error);
  }

  /**
   * Bytes have come: a copy, which is the stream's.
   *
   * @returns false if the other side was not allowed to send them.
   */
  takeData(bytes: Uint8Array): boolean {
    if (this.#theirEnd || this.#window <= 0) return false;
    // In object mode a message may be larger than what is left: then it was the last one.
    if (!this.readableObjectMode && bytes.length > this.#window) return false;
    if (bytes.length === 0 && !this.readableObjectMode) return true;
    this.#window -= this.#costOf(bytes);
    this.#waiting.push(bytes);
    this.#handOn();
    return true;
  }

  /** @returns false if it has ended before. */
  takeEnd(): boolean {
    if (this.#theirEnd) return false;
    this.#theirEnd = true;
    this.#handOn();
    return true;
  }

  /** The other side has given the stream up. */
  takeReset(cause: Error | undefined): void {
    this.#isReset = true;
    const why = cause === undefined ? '' : `: ${cause.message}`;
    this.destroy(
      new PageferryError(
        'STREAM_RESET',
        `the other side has given up the stream '${this.name}'${why}`,
        {
          cause,
        },
      ),
    );
  }

  /** The channel is over, and with it this stream, unless nothing is missing from it. */
  takeFailure(error: Error): void {
    this.#isReset = true;
    this.destroy(error);
  }

  /** True until the end of what the other side writes has come. */
  get isAwaitingData(): boolean {
    return !this.#theirEnd;
  }

  /** True once both sides have ended: what is still to be read has come. */
  get isComplete(): boolean {
    return this.#theirEnd && this.#ourEnd;
  }

  /** @returns false for more than there can be. */
  takeCredit(count: number): boolean {
    this.#credit += count;
    if (this.#credit > 0) this.#onCredit?.();
    return this.#credit <= 0xffffffff;
  }

  /** No more credit can come: once what there is has been used, writing fails with `why`. */
  takeLastCredit(why: Error): void {
    this.#lastCredit = why;
    this.#onCredit?.();
  }

  /** Tells the other side how much more it may send, where that is worth a message. */
  grant(): void {
    if (this.#theirEnd || this.destroyed || this.#toGrant < this.#owner.windowBytes / 2) return;
    const count = this.#toGrant;
    this.#toGrant = 0;
    this.#window += count;
    this.#owner.send(FRAME.CREDIT, this.#key, [creditBytes(count)]).catch(() => undefined);
  }

  #handOn(): void {
    // Who takes frames for all streams is not to fail with what a consumer of one throws ('data').
    try {
      this.#pushAll();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
    this.grant();
  }

  #pushAll(): void {
    while (this.#isAsked) {
      const bytes = this.#waiting.shift();
      if (bytes === undefined) {
        if (this.#theirEnd && this.readable && !this.destroyed) {
          this.#isAsked = false;
          this.push(null);
        }
        break;
      }
      this.#toGrant += this.#costOf(bytes);
      this.#isAsked = false;
      // It may ask for the next one at once.
      this.push(bytes);
    }
  }

  /** Messages without bytes take memory, too. */
  #costOf(bytes: Uint8Array): number {
    return this.readableObjectMode ? bytes.length + 64 : bytes.length;
  }

  #write(written: Written, callback: Callback): void {
    this.#send(written).then(
      () => callback(),
      (error: Error) => callback(error),
    );
  }

  async #send(written: Written): Promise<void> {
    if (this.writableObjectMode) {
      for (const { chunk, encoding } of written) {
        const pieces =
          typeof chunk === 'string'
            ? [Buffer.from(chunk, encoding)]
            : checkBytes('chunk', chunk as Exclude<Payload, { send: unknown }>);
        await this.#untilCredit();
        this.#credit -= pieces.reduce((sum, piece) => sum + piece.length, 64);
        await this.#owner.send(FRAME.DATA, this.#key, pieces);
      }
      return;
    }
    for (const batch of gathered(
      written.map(({ chunk }) => chunk as Uint8Array),
      FRAME_BYTES,
    )) {
      await this.#sendBytes(batch);
    }
  }

  async #sendBytes(batch: readonly Uint8Array[]): Promise<void> {
    let rest = batch;
    while (rest.length > 0) {
      await this.#untilCredit();
      const [now = [], ...later] = gathered(rest, this.#credit);
      this.#credit -= now.reduce((sum, piece) => sum + piece.length, 0);
      rest = later.flat();
      await this.#owner.send(FRAME.DATA, this.#key, now);
    }
  }

  async #untilCredit(): Promise<void> {
    while (this.#credit <= 0) {
      if (this.destroyed) throw new PageferryError('CLOSED', `the stream '${this.name}' is closed`);
      if (this.#lastCredit !== undefined) throw this.#lastCredit;
      await new Promise<void>((resolve) => {
        this.#onCredit = () => resolve();
      });
    }
  }
}
