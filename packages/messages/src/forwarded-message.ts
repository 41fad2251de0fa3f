import { dispose, type SharedDelivery } from '@pageferry/core';
import type { Message } from './message.js';

/** A message that stands for another one, and does as that does: for what has something of its own to do with one of its calls. */
export class ForwardedMessage<T = unknown> implements Message<T> {
  /** The one that it stands for. */
  protected readonly message: Message<T>;

  /** Takes the message over: it is released by this one. */
  constructor(message: Message<T>) {
    this.message = message;
  }

  /** As of the message. */
  get value(): T {
    return this.message.value;
  }

  /** As of the message. */
  get byteLength(): number {
    return this.message.byteLength;
  }

  /** As of the message. */
  get tag(): number {
    return this.message.tag;
  }

  /** As of the message. */
  get released(): boolean {
    return this.message.released;
  }

  /** As of the message. */
  forThreads(threads?: number): SharedDelivery {
    return this.message.forThreads(threads);
  }

  /** As of the message. */
  release(): void {
    this.message.release();
  }

  /** As {@link release}. */
  [dispose](): void {
    this.release();
  }
}
