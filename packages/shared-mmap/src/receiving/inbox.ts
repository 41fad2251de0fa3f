import { createEntry, type ReceiverConnection, senderMisbehaved } from '@pageferry/connection';
import type { PageferryError } from '@pageferry/core';
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
  readonly #connection: ReceiverConnection;
  readonly #mayDrop: boolean;
  readonly #payloadBytes: number;
  readonly #entry = createEntry();
  #nextSequence: number;
  /** Numbers that were left out. */
  #dropped = 0;
  #lost = 0;
  // The message that was taken last; fields, so that no message costs an object more.
  /** Its number. */
  sequence = -1;
  /** Its length. */
  byteLength = 0;
  /** Where it begins in the payload memory, in bytes. */
  offset = 0;
  /** What to return, as it came. */
  ticket = 0;

  constructor({ connection, mayDrop, firstSequence, payloadBytes }: InboxSettings) {
    this.#connection = connection;
    this.#mayDrop = mayDrop;
    this.#payloadBytes = payloadBytes;
    this.#nextSequence = firstSequence;
  }

  /** Counts the message that was taken last as one that this side has lost. */
  noteLost(): void {
    this.#lost++;
  }

  /**
   * Messages that this receiver has missed: as the numbers of those that came tell, and those dropped since
   * then, as the sender tells.
   */
  get messagesDropped(): number {
    // Kept to 32 bits; 0 if the sender tells nothing. One that says nonsense spoils this number alone.
    const { dropped } = this.#connection;
    const since = dropped === 0 ? 0 : Math.max((dropped - this.#dropped) | 0, 0);
    return this.#dropped + this.#lost + since;
  }

  /** True if the message that was taken last lies in memory of its own. */
  get own(): boolean {
    return isOwn(this.ticket);
  }

  /**
   * Takes the next message: `'message'`, or `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` when everything that was published is drained, `PEER_MISBEHAVED`.
   */
  next(): 'message' | 'end' | undefined {
    const connection = this.#connection;
    const entry = this.#entry;
    const known = connection.deliveriesKnown() || connection.lookAgain();
    if (known === 0) return undefined;
    if (typeof known === 'string') return known;
    if (this.#mayDrop) {
      if (!connection.claimDelivery(entry)) return undefined;
    } else {
      if (known < 0 || known > connection.capacity) throw strayQueue(known);
      connection.takeDelivery(entry);
    }
    const byteLength = (entry[DELIVERY.byteLength] as number) >>> 0;
    const offset = ((entry[DELIVERY.place] as number) >>> 0) * PLACE_UNIT;
    const ticket = entry[DELIVERY.ticket] as number;
    const low = entry[DELIVERY.sequence] as number;
    if (ticket < 0) throw senderMisbehaved('a message names no slot');
    // Memory of its own is checked when it is mapped.
    if (offset + byteLength > this.#payloadBytes && !isOwn(ticket)) {
      throw strayMessage(byteLength, offset);
    }
    if (this.#mayDrop)
      this.#skipTo((entry[DELIVERY.sequenceHigh] as number) * 2 ** 32 + (low >>> 0));
    else if (low !== (this.#nextSequence | 0)) throw outOfOrder();
    this.byteLength = byteLength;
    this.offset = offset;
    this.ticket = ticket;
    this.sequence = this.#nextSequence++;
    return 'message';
  }

  /** Counts those before message number `sequence` as dropped. */
  #skipTo(sequence: number): void {
    if (sequence < this.#nextSequence || sequence > Number.MAX_SAFE_INTEGER) throw outOfOrder();
    this.#dropped += sequence - this.#nextSequence;
    this.#nextSequence = sequence;
  }
}

function isOwn(ticket: number): boolean {
  return (ticket & TICKET_OWN_MEMORY) !== 0;
}

function outOfOrder(): PageferryError {
  return senderMisbehaved('its messages are out of order');
}

function strayQueue(known: number): PageferryError {
  return senderMisbehaved(known < 0 ? 'its queue runs backwards' : 'its queue overflows');
}

function strayMessage(byteLength: number, offset: number): PageferryError {
  return senderMisbehaved(`a message reaches beyond its memory: ${byteLength} bytes at ${offset}`);
}
