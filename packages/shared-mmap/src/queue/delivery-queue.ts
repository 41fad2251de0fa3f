import { QueueConsumer, QueueProducer } from '@pageferry/connection';
import { DELIVERY } from '../layout.js';

/** The producing end of a delivery queue. */
export class DeliveryProducer extends QueueProducer {
  // In one piece: V8 inlines only so much into each call of a message.
  override push(
    byteLength: number,
    place: number,
    slotId: number,
    sequence: number,
    tag = 0,
  ): void {
    const { words } = this;
    const at = this.at(this.count);
    words[at + DELIVERY.byteLength] = byteLength;
    words[at + DELIVERY.place] = place;
    words[at + DELIVERY.slotId] = slotId;
    words[at + DELIVERY.sequence] = sequence;
    words[at + DELIVERY.tag] = tag;
    this.count = (this.count + 1) | 0;
    Atomics.store(words, this.counter, this.count);
  }
}

/** The consuming end of a delivery queue: it can tell which messages are still to be taken. */
export class DeliveryConsumer extends QueueConsumer {
  /**
   * Tells of a message, by the lower 32 bits of its number, whether it may still be taken: it waits, or is
   * yet to come. `undefined` if the producer is too quick to tell.
   */
  neededSequences(): ((sequence: number) => boolean) | undefined {
    const { words, counter, capacity } = this;
    const published = Atomics.load(words, counter);
    const last = Atomics.load(words, this.at(published - 1) + DELIVERY.sequence);
    const waiting = new Set<number>();
    for (let number = published - capacity; number !== published; number++) {
      const at = this.at(number);
      const sequence = Atomics.load(words, at + DELIVERY.sequence);
      if (this.waits(number, at)) waiting.add(sequence);
    }
    // The last entry's place gets another one when the producer has come round to it.
    if (((Atomics.load(words, counter) - published) | 0) >= capacity - 1) return undefined;
    return (sequence) => waiting.has(sequence) || ((sequence - last) | 0) > 0;
  }

  /** Whether an entry, one of the last that were published, was not taken yet. */
  protected waits(number: number, _at: number): boolean {
    return ((number - this.count) | 0) >= 0;
  }
}
