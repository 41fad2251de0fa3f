import { createEntry, type ReceiverConnection } from '@pageferry/connection';
import { PageferryError } from '@pageferry/core';
import { DELIVERY, PLACE_UNIT, TICKET_OWN_MEMORY } from '../protocol.js';
import { misbehaved } from './payload-view.js';

/** An entry of the delivery queue, checked. */
export interface InboundMessage {
  readonly sequence: number;
  readonly byteLength: number;
  /** Where it begins in the payload memory, in bytes. */
  readonly offset: number;
  /** What to return, as it came. */
  readonly ticket: number;
  /** True if it lies in memory of its own. */
  readonly own: boolean;
}

/** What an {@link Inbox} needs. */
export interface InboxSettings {
  readonly connection: ReceiverConnection;
  /** Whether the sender may take messages back. */
  readonly mayDrop: boolean;
  /** Number of the first message that will come. */
  readonly firstSequence: number;
  /** Bytes of payload memory. */
  readonly payloadBytes: number;
}

/** Reads the delivery queue, and believes nothing in it that was not checked. */
export class Inbox {
  readonly #settings: InboxSettings;
  readonly #entry = createEntry();
  #nextSequence: number;
  #dropped = 0;

  constructor(settings: InboxSettings) {
    this.#settings = settings;
    this.#nextSequence = settings.firstSequence;
  }

  /** Messages that the sender has dropped, as the numbers of those that came tell. */
  get messagesDropped(): number {
    return this.#dropped;
  }

  /**
   * The next message; `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` when everything that was published is drained, `PEER_MISBEHAVED`.
   */
  next(): InboundMessage | 'end' | undefined {
    const { connection } = this.#settings;
    if (connection.deliveriesKnown() === 0) {
      // Looked at first: what was published before the end is still there to be taken.
      const gone = connection.peerGone;
      const finished = connection.finished;
      if (connection.deliveriesAvailable() === 0) {
        if (finished) return 'end';
        if (gone)
          throw new PageferryError('PEER_DIED', 'the sender ended without an orderly close');
        return undefined;
      }
    }
    if (!this.#take()) return undefined;
    return this.#checked();
  }

  #take(): boolean {
    const { connection, mayDrop } = this.#settings;
    const known = connection.deliveriesKnown();
    if (known < 0) throw misbehaved('its queue runs backwards');
    if (mayDrop) return connection.claimDelivery(this.#entry);
    if (known > connection.capacity) throw misbehaved('its queue overflows');
    connection.takeDelivery(this.#entry);
    return true;
  }

  #checked(): InboundMessage {
    const entry = this.#entry;
    const byteLength = (entry[DELIVERY.byteLength] as number) >>> 0;
    const ticket = entry[DELIVERY.ticket] as number;
    const offset = ((entry[DELIVERY.place] as number) >>> 0) * PLACE_UNIT;
    const own = (ticket & TICKET_OWN_MEMORY) !== 0;
    // Memory of its own is checked when it is mapped.
    if (!own && offset + byteLength > this.#settings.payloadBytes) {
      throw misbehaved(`a message reaches beyond its memory: ${byteLength} bytes at ${offset}`);
    }
    if (ticket < 0) throw misbehaved('a message names no slot');
    const sequence = this.#sequence((entry[DELIVERY.sequence] as number) >>> 0);
    return { sequence, byteLength, offset, ticket, own };
  }

  /** The full sequence number; the queue carries its lower 32 bits. */
  #sequence(low: number): number {
    const ahead = (low - (this.#nextSequence % 2 ** 32)) >>> 0;
    if (ahead >= (this.#settings.mayDrop ? 2 ** 31 : 1)) {
      throw misbehaved('its messages are out of order');
    }
    const sequence = this.#nextSequence + ahead;
    this.#dropped += ahead;
    this.#nextSequence = sequence + 1;
    return sequence;
  }
}
