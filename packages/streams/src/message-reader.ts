import type { Delivery } from '@pageferry/core';
import { closeIfOver, isChannel, type MessageSource } from './ends.js';
import type { StreamSettings } from './options.js';

/** What of the settings matters to what is read. */
type ReaderSettings = Pick<StreamSettings, 'objectMode' | 'autoClose' | 'chunkBytes' | 'copy'>;

/**
 * Makes chunks of messages: what all readable streams of this package stand on. A delivery is released when its last
 * byte was copied out. One call at a time.
 */
export class MessageReader {
  readonly #source: MessageSource;
  readonly #settings: ReaderSettings;
  readonly #stop = new AbortController();
  #delivery: Delivery | undefined;
  /** How much of that one was taken. */
  #taken = 0;
  #ended = false;
  #ending: Promise<void> | undefined;

  constructor(source: MessageSource, settings: ReaderSettings) {
    this.#source = source;
    this.#settings = settings;
  }

  /** True once the orderly end of the other side was found. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Waits until there is a chunk to take. Resolves to false at the end.
   *
   * @throws as `receive`.
   */
  async ready(): Promise<boolean> {
    const { signal } = this.#stop;
    while (this.#delivery === undefined) {
      const delivery = this.#source.tryReceive() ?? (await this.#source.receive({ signal }));
      if (delivery === undefined) {
        this.#ended = true;
        return false;
      }
      // Whoever has stopped meanwhile takes nothing any more.
      if (signal.aborted) delivery.release();
      signal.throwIfAborted();
      // A chunk without bytes would say nothing in a stream of bytes.
      if (this.#settings.objectMode || delivery.byteLength > 0) this.#delivery = delivery;
      else delivery.release();
    }
    return true;
  }

  /** What {@link ready} has found: a delivery, or bytes, of which `copyOf` makes the consumer's own. */
  take<T>(copyOf: (bytes: Uint8Array) => T): T | Delivery {
    const delivery = this.#delivery as Delivery;
    const { objectMode, copy, chunkBytes } = this.#settings;
    if (!copy) {
      this.#delivery = undefined;
      return delivery;
    }
    const end = objectMode
      ? delivery.byteLength
      : Math.min(this.#taken + chunkBytes, delivery.byteLength);
    return this.#copyUntil(end, copyOf);
  }

  /** Fills as much of `target` as there are bytes. Returns how many. */
  copyInto(target: Uint8Array): number {
    const { byteLength } = this.#delivery as Delivery;
    const end = Math.min(this.#taken + target.length, byteLength);
    return this.#copyUntil(end, (bytes) => {
      target.set(bytes);
      return bytes.length;
    });
  }

  /** Ends the wait of {@link ready}, and takes nothing more. */
  stop(): void {
    this.#stop.abort();
    this.#delivery?.release();
    this.#delivery = undefined;
  }

  /**
   * Ends what the stream owns: in order if the end was found, otherwise so that the other side notices. Leaves
   * everything as it is where the stream owns nothing.
   */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.stop();
    if (!this.#settings.autoClose) return;
    if (!isChannel(this.#source)) await this.#source.close();
    else if (this.#ended) await closeIfOver(this.#source);
    else await this.#source.destroy();
  }

  #copyUntil<T>(end: number, copyOf: (bytes: Uint8Array) => T): T {
    const delivery = this.#delivery as Delivery;
    let copied: T;
    try {
      copied = copyOf(delivery.bytes.subarray(this.#taken, end));
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#taken = end;
    if (end === delivery.byteLength) {
      delivery.release();
      this.#delivery = undefined;
      this.#taken = 0;
    }
    return copied;
  }
}
