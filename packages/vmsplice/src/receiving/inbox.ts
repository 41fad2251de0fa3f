import { createEntry, type ReceiverConnection, senderMisbehaved } from '@pageferry/connection';
import { DELIVERY, DELIVERY_ENTRY_WORDS, DISPOSITION } from '../layout.js';
import { MAX_MESSAGE_BYTES } from '../protocol.js';
import { InboundMessage } from './inbound-message.js';
import type { PayloadPipe } from './payload-pipe.js';

/** Takes messages out of the delivery queue, and believes nothing in it that was not checked. */
export class Inbox {
  readonly #connection: ReceiverConnection;
  readonly #pipe: PayloadPipe;
  readonly #entry = createEntry(DELIVERY_ENTRY_WORDS);
  #nextSequence: number | undefined;

  constructor(connection: ReceiverConnection, pipe: PayloadPipe) {
    this.#connection = connection;
    this.#pipe = pipe;
  }

  /**
   * The next message if it was announced, to be taken out of the pipe; `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` when everything that was announced is drained, `PEER_MISBEHAVED`.
   */
  next(): InboundMessage | 'end' | undefined {
    const { deliveries, capacity } = this.#connection;
    const available = deliveries.available() || this.#connection.lookAgain();
    if (available === 0) return undefined;
    if (available === 'end') return available;
    if (available < 0 || available > capacity) throw senderMisbehaved('its queue overflows');
    deliveries.shift(this.#entry);
    return this.#checked();
  }

  /** Tells the sender that this side is done with a message. Harmless the second time. */
  giveBack(message: InboundMessage): void {
    if (message.isReturned) return;
    message.isReturned = true;
    const disposition = message.isReferenced ? DISPOSITION.referenced : DISPOSITION.done;
    this.#connection.giveBack(message.sequence | 0, disposition);
  }

  #checked(): InboundMessage {
    const low = (this.#entry[DELIVERY.lengthLow] as number) >>> 0;
    const high = (this.#entry[DELIVERY.lengthHigh] as number) >>> 0;
    const byteLength = high * 2 ** 32 + low;
    if (byteLength > MAX_MESSAGE_BYTES) {
      throw senderMisbehaved(`a message claims ${byteLength} bytes`);
    }
    const sequence = this.#sequence((this.#entry[DELIVERY.sequenceLow] as number) >>> 0);
    return new InboundMessage(this.#pipe, {
      sequence,
      byteLength,
      tag: (this.#entry[DELIVERY.tag] as number) >>> 0,
      exchange: (this.#entry[DELIVERY.exchange] as number) >>> 0,
    });
  }

  /** The full sequence number; the queue carries its lower 32 bits. */
  #sequence(low: number): number {
    const expected = this.#nextSequence ?? low;
    if (expected % 2 ** 32 !== low) throw senderMisbehaved('its messages are out of order');
    this.#nextSequence = expected + 1;
    return expected;
  }
}
