import type { Readable } from 'node:stream';

/**
 * An error that comes after everything that was read before it. `destroy(error)` throws away what a Readable has read
 * ahead; but what had arrived whole before a peer has died is to be delivered.
 */
export class DelayedFailure {
  readonly #stream: Readable;
  #error: Error | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
  }

  /** Destroys the stream with this error, as soon as nothing is left to be read. */
  set(error: Error): void {
    this.#error = error;
    this.after(undefined);
  }

  /** To be called after each `read`; passes what that has returned. */
  after<T>(chunk: T): T {
    const error = this.#error;
    if (error !== undefined && this.#stream.readableLength === 0) {
      this.#error = undefined;
      // The chunk that was read last is still on its way to the consumer.
      process.nextTick(() => this.#stream.destroy(error));
    }
    return chunk;
  }
}
