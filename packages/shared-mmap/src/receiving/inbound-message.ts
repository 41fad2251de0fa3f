import type { InboundMessage as Contract } from '@pageferry/core';
import type { OwnedFd } from '@pageferry/linux';
import type { OwnMemoryView } from './own-memory-view.js';
import type { View } from './payload-view.js';

const NO_DESCRIPTORS: readonly OwnedFd[] = [];

/**
 * A message that was taken out of the queue: where its bytes lie, and how many of them `spliceTo` has moved
 * on. Then it is handed over: whoever gets it sees what is left.
 *
 * Once it was given back it may be the next message in the same place: see `View.message`.
 */
export class InboundMessage implements Contract {
  sequence: number;
  readonly byteLength: number;
  /** What names its slot to the sender. */
  readonly name: number;
  readonly tag: number;
  exchange: number;
  /** In the payload memory, or in memory of the message's own. */
  readonly place: View | OwnMemoryView;
  /** All of them; what is left of them once it is handed over. A program can detach what it was shown. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes that were moved on. */
  offset = 0;
  /** Descriptors that came with it, and that nobody has taken. */
  #attached: readonly OwnedFd[];

  constructor(
    sequence: number,
    byteLength: number,
    name: number,
    tag: number,
    place: View | OwnMemoryView,
    exchange = 0,
    attached = NO_DESCRIPTORS,
  ) {
    this.sequence = sequence;
    this.byteLength = byteLength;
    this.name = name;
    this.tag = tag;
    this.exchange = exchange;
    this.place = place;
    this.bytes = place.bytes;
    this.#attached = attached;
  }

  get descriptorCount(): number {
    return this.#attached.length;
  }

  takeDescriptors(): readonly OwnedFd[] {
    const taken = this.#attached;
    this.#attached = NO_DESCRIPTORS;
    return taken;
  }

  /** Closes the descriptors that nobody has taken. */
  closeDescriptors(): void {
    if (this.#attached === NO_DESCRIPTORS) return;
    for (const descriptor of this.takeDescriptors()) descriptor.close();
  }

  /** Bytes that were not moved on. */
  get rest(): number {
    return this.byteLength - this.offset;
  }

  /** True once a program has had the bytes taken over by another API, before they were handed over. */
  get isDetached(): boolean {
    return this.bytes.length !== this.byteLength;
  }

  /** Ends its way through the receiver. */
  handOver(): this {
    if (this.offset > 0) this.bytes = this.bytes.subarray(this.offset);
    return this;
  }
}
