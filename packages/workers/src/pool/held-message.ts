import { dispose, type SharedDelivery } from '@pageferry/core';
import type { Message } from '@pageferry/messages';

/** An answer that lies in a worker's memory: somebody is told when it is released. */
export class HeldMessage<T> implements Message<T> {
  readonly #message: Message<T>;
  #onRelease: (() => void) | undefined;

  constructor(message: Message<T>, onRelease: () => void) {
    this.#message = message;
    this.#onRelease = onRelease;
  }

  get value(): T {
    return this.#message.value;
  }

  get byteLength(): number {
    return this.#message.byteLength;
  }

  get tag(): number {
    return this.#message.tag;
  }

  get released(): boolean {
    return this.#message.released;
  }

  forThreads(threads?: number): SharedDelivery {
    return this.#message.forThreads(threads);
  }

  release(): void {
    this.#message.release();
    const onRelease = this.#onRelease;
    this.#onRelease = undefined;
    onRelease?.();
  }

  [dispose](): void {
    this.release();
  }
}
