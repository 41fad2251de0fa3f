import { type Delivery, LoopBudget, nextTurn } from '@pageferry/core';
import { closeIfOver, isChannel, type MessageSource } from './ends.js';
import { HELD_MICROSECONDS, type StreamSettings } from './options.js';

/** What of the settings matters to what is read. */
type ReaderSettings = Pick<StreamSettings, 'objectMode' | 'autoClose' | 'chunkBytes' | 'copy'>;

/** How many messages are gathered in one chunk: held ones keep the sender from using their memory again. */
const MOST_TOGETHER = 64;

/**
 * Makes chunks of messages: what all readable streams of this package stand on. A delivery is released when its last
 * byte was copied out. One call at a time.
 */
export class MessageReader {
  readonly #source: MessageSource;
  readonly #settings: ReaderSettings;
  readonly #stop = new AbortController();
  readonly #budget = new LoopBudget(HELD_MICROSECONDS);
  #delivery: Delivery | undefined;
  /** How much of that one was taken. */
  #taken = 0;
  #ended = false;
  #ending: Promise<void> | undefined;

  constructor(source: MessageSource, settings: ReaderSettings) {
    this.#source = source;
    this.#settings = settings;
  }

  /** True if its chunks are the deliveries themselves. */
  get givesDeliveries(): boolean {
    return !this.#settings.copy;
  }

  /** True once the orderly end of the other side was found. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * True if there is a chunk to take at once. False where that has to be waited for, or the event loop is due for a
   * turn: then {@link ready} says more.
   *
   * @throws as `tryReceive`.
   */
  readyAtOnce(): boolean {
    if (this.#delivery !== undefined) return true;
    if (this.#budget.exhausted()) return false;
    for (;;) {
      const delivery = this.#source.tryReceive();
      if (delivery === undefined) return false;
      if (this.#keep(delivery)) return true;
    }
  }

  /**
   * Waits until there is a chunk to take. Resolves to false at the end.
   *
   * @throws as `receive`.
   */
  async ready(): Promise<boolean> {
    const { signal } = this.#stop;
    // Promises that are resolved already never let the event loop turn.
    if (this.#budget.exhausted()) await nextTurn();
    while (this.#delivery === undefined) {
      signal.throwIfAborted();
      const delivery = this.#source.tryReceive() ?? (await this.#source.receive({ signal }));
      if (delivery === undefined) {
        this.#ended = true;
        return false;
      }
      // Whoever has stopped meanwhile takes nothing any more.
      if (signal.aborted) delivery.release();
      signal.throwIfAborted();
      this.#keep(delivery);
    }
    return true;
  }

  /**
   * What {@link readyAtOnce} or {@link ready} has found: a delivery, or bytes, of which `copyOf` makes the consumer's own. In byte
   * mode also those of the messages behind it that are here, as far as they fit into one chunk.
   *
   * @param copyOf gets the parts of the chunk in order.
   */
  take<T>(copyOf: (parts: readonly Uint8Array[]) => T): T | Delivery {
    const first = this.#delivery as Delivery;
    const { objectMode, copy, autoClose, chunkBytes } = this.#settings;
    if (!copy) {
      this.#delivery = undefined;
      return first;
    }
    const end = objectMode
      ? first.byteLength
      : Math.min(this.#taken + chunkBytes, first.byteLength);
    const room = chunkBytes - (end - this.#taken);
    // What is not the stream's own stays where it is until it is asked for.
    const gathers = autoClose && !objectMode && end === first.byteLength && room > 0;
    const next = gathers ? this.#tryNext() : undefined;
    if (next === undefined) return this.#copyUntil(end, (bytes) => copyOf([bytes]));
    return this.#copyTogether([first, next], room, copyOf);
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

  /** Has a delivery be the one that is taken from, unless a stream of bytes has no use for it. */
  #keep(delivery: Delivery): boolean {
    // A chunk without bytes would say nothing in a stream of bytes.
    if (this.#settings.objectMode || delivery.byteLength > 0) this.#delivery = delivery;
    else delivery.release();
    return this.#delivery !== undefined;
  }

  /** What is here already. An error is for the next call: what had arrived before it comes first. */
  #tryNext(): Delivery | undefined {
    try {
      return this.#source.tryReceive();
    } catch {
      return undefined;
    }
  }

  /**
   * Makes one chunk of several messages: of the first what is left of it, of the last as much as there is room for.
   *
   * @param deliveries the first two. They are released when they were copied whole.
   * @param room for those behind the first one.
   */
  #copyTogether<T>(
    deliveries: Delivery[],
    room: number,
    copyOf: (parts: readonly Uint8Array[]) => T,
  ): T {
    let last = deliveries.at(-1) as Delivery;
    let left = room - last.byteLength;
    while (left > 0 && deliveries.length < MOST_TOGETHER) {
      const next = this.#tryNext();
      if (next === undefined) break;
      deliveries.push(next);
      last = next;
      left -= next.byteLength;
    }
    const isLastWhole = left >= 0;
    const end = isLastWhole ? last.byteLength : last.byteLength + left;
    let copied: T;
    try {
      const parts = deliveries.map(({ bytes }) => bytes);
      parts[0] = (parts[0] as Uint8Array<ArrayBuffer>).subarray(this.#taken);
      parts[parts.length - 1] = last.bytes.subarray(0, end);
      copied = copyOf(parts);
    } catch (error) {
      this.#source.releaseMany(deliveries);
      this.#delivery = undefined;
      this.stop();
      throw error;
    }
    if (!isLastWhole) deliveries.pop();
    this.#source.releaseMany(deliveries);
    this.#delivery = isLastWhole ? undefined : last;
    this.#taken = isLastWhole ? 0 : end;
    return copied;
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
