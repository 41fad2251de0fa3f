import {
  createEntry,
  type ReceiverConnection,
  senderDied,
  senderMisbehaved,
} from '@pageferry/connection';
import { DELIVERY, PLACE_UNIT, TICKET_OWN_MEMORY } from '../protocol.js';

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
  /** Its lower 32 bits. */
  #nextLow: number;
  #dropped = 0;
  // The message that was taken last; fields, so that no message costs an object more.
  /** Its number. */
  sequence = -1;
  /** Its length. */
  byteLength = 0;
  /** Where it begins in the payload memory, in bytes. */
  offset = 0;
  /** What to return, as it came. */
  ticket = 0;

  constructor(settings: InboxSettings) {
    this.#settings = settings;
    this.#nextSequence = settings.firstSequence;
    this.#nextLow = settings.firstSequence | 0;
  }

  /** Messages that the sender has dropped, as the numbers of those that came tell. */
  get messagesDropped(): number {
    return this.#dropped;
  }

  /** True if the message that was taken last lies in memory of its own. */
  get own(): boolean {
    return (this.ticket & TICKET_OWN_MEMORY) !== 0;
  }

  /**
   * Takes the next message: `'message'`, or `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` when everything that was published is drained, `PEER_MISBEHAVED`.
   */
  next(): 'message' | 'end' | undefined {
    const { connection } = this.#settings;
    if (connection.deliveriesKnown() === 0) {
      // Looked at first: what was published before the end is still there to be taken.
      const gone = connection.peerGone;
      const finished = connection.finished;
      if (connection.deliveriesAvailable() === 0) {
        if (finished) return 'end';
        if (gone) throw senderDied('without an orderly close');
        return undefined;
      }
    }
    if (!this.#take()) return undefined;
    this.#check();
    return 'message';
  }

  #take(): boolean {
    const { connection, mayDrop } = this.#settings;
    const known = connection.deliveriesKnown();
    if (known < 0) throw senderMisbehaved('its queue runs backwards');
    if (mayDrop) return connection.claimDelivery(this.#entry);
    if (known > connection.capacity) throw senderMisbehaved('its queue overflows');
    connection.takeDelivery(this.#entry);
    return true;
  }

  #check(): void {
    const entry = this.#entry;
    this.byteLength = (entry[DELIVERY.byteLength] as number) >>> 0;
    this.ticket = entry[DELIVERY.ticket] as number;
    this.offset = ((entry[DELIVERY.place] as number) >>> 0) * PLACE_UNIT;
    if (this.ticket < 0) throw senderMisbehaved('a message names no slot');
    // Memory of its own is checked when it is mapped.
    if (!this.own && this.offset + this.byteLength > this.#settings.payloadBytes) {
      throw senderMisbehaved(
        `a message reaches beyond its memory: ${this.byteLength} bytes at ${this.offset}`,
      );
    }
    this.sequence = this.#sequenceOf(entry[DELIVERY.sequence] as number);
  }

  /** The full sequence number; the queue carries its lower 32 bits. */
  #sequenceOf(low: number): number {
    const ahead = (low - this.#nextLow) >>> 0;
    if (ahead >= (this.#settings.mayDrop ? 2 ** 31 : 1)) {
      throw senderMisbehaved('its messages are out of order');
    }
    const sequence = this.#nextSequence + ahead;
    this.#dropped += ahead;
    this.#nextSequence = sequence + 1;
    this.#nextLow = (low + 1) | 0;
    return sequence;
  }
}
