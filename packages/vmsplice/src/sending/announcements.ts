import { QueueProducer } from '@pageferry/connection';
import { DELIVERY } from '../layout.js';
import type { OutgoingMessage } from './message.js';

/** The producing end of a delivery queue. */
export class Announcements extends QueueProducer {
  /** Appends the entry of a message, and publishes it. */
  announce({ bytes: { length }, sequence, tag, exchange }: OutgoingMessage): void {
    const at = this.write(length | 0, Math.floor(length / 2 ** 32), sequence | 0, tag);
    this.words[at + DELIVERY.exchange] = exchange;
    this.publish();
  }
}
