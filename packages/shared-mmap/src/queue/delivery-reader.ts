import { createEntry, type ReceiverConnection, senderMisbehaved } from '@pageferry/connection';
import type { PageferryError } from '@pageferry/core';
import {
  DELIVERY,
  DELIVERY_ENTRY_WORDS,
  OWN_MEMORY_FLAG,
  PLACE_UNIT,
  SENDER_WORDS,
} from '../layout.js';
import { ClaimableConsumer } from './claimable-queue.js';
import type { DeliveryConsumer } from './delivery-queue.js';
import type { PassedMemory } from './passed-memory.js';

/** What a {@link DeliveryReader} needs. */
export interface DeliveryReaderSettings {
  readonly connection: ReceiverConnection<DeliveryConsumer>;
  /** What was passed for messages that have memory of their own. */
  readonly memory: PassedMemory;
  /** Number of the first message that will come. */
  readonly firstSequence: number;
  /** Bytes of payload memory. */
  readonly payloadBytes: number;
}

/** Reads the delivery queue, and believes nothing in it that was not checked. */
export class DeliveryReader {
  readonly #connection: ReceiverConnection<DeliveryConsumer>;
  readonly #queue: DeliveryConsumer;
  /** The same queue, where the sender may take messages back. */
  readonly #claimable: ClaimableConsumer | undefined;
  readonly #memory: PassedMemory;
  readonly #payloadBytes: number;
  readonly #entry = createEntry(DELIVERY_ENTRY_WORDS);
  #nextSequence: number;
  /** Numbers that were left out. */
  #dropped = 0;
  /** What the sender said last that it has ever dropped, once the connection is closed. */
  #droppedAtEnd: number | undefined;
  #lost = 0;
  // The message that was taken last; fields, so that no message costs an object more.
  /** Its number. */
  sequence = -1;
  /** Its length. */
  byteLength = 0;
  /** Where it begins in the payload memory, in bytes. */
  offset = 0;
  /** What to return, as it came. */
  slotId = 0;
  /** The program's number for it. */
  tag = 0;

  constructor({ connection, memory, firstSequence, payloadBytes }: DeliveryReaderSettings) {
    this.#connection = connection;
    this.#memory = memory;
    this.#queue = connection.deliveries;
    this.#claimable = this.#queue instanceof ClaimableConsumer ? this.#queue : undefined;
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
    const dropped = this.#droppedAtEnd ?? this.#droppedBySender();
    const since = dropped === 0 ? 0 : Math.max((dropped - this.#dropped) | 0, 0);
    return this.#dropped + this.#lost + since;
  }

  /** To be called before the connection is closed: what was dropped is still told afterwards. */
  close(): void {
    this.#droppedAtEnd = this.#droppedBySender();
  }

  /** True if the message that was taken last lies in memory of its own. */
  get own(): boolean {
    return isOwn(this.slotId);
  }

  /**
   * Takes the next message: `'message'`, or `'end'` after an orderly end.
   * @throws `PEER_DIED` when everything that was published is drained, `PEER_MISBEHAVED`.
   */
  next(): 'message' | 'end' | undefined {
    const queue = this.#queue;
    const known = queue.known() || this.#connection.lookAgain();
    if (known === 0) return undefined;
    if (typeof known === 'string') return known;
    let { words } = queue;
    let at = 0;
    if (this.#claimable !== undefined) {
      if (!this.#claim(this.#claimable)) return undefined;
      words = this.#entry;
    } else {
      if (known < 0 || known > queue.capacity) throw strayQueue(known);
      at = queue.take();
    }
    // Each word is looked at once: the sender may change it meanwhile.
    const byteLength = (words[at + DELIVERY.byteLength] as number) >>> 0;
    const offset = ((words[at + DELIVERY.place] as number) >>> 0) * PLACE_UNIT;
    const slotId = words[at + DELIVERY.slotId] as number;
    const low = words[at + DELIVERY.sequence] as number;
    if (slotId < 0) throw senderMisbehaved('a message names no slot');
    // Memory of its own is checked when it is mapped.
    if (offset + byteLength > this.#payloadBytes && !isOwn(slotId)) {
      throw strayMessage(byteLength, offset);
    }
    if (this.#claimable !== undefined) {
      this.#skipTo((words[DELIVERY.sequenceHigh] as number) * 2 ** 32 + (low >>> 0));
    } else if (low !== (this.#nextSequence | 0)) {
      throw outOfOrder();
    }
    this.byteLength = byteLength;
    this.offset = offset;
    this.slotId = slotId;
    this.tag = (words[at + DELIVERY.tag] as number) >>> 0;
    this.sequence = this.#nextSequence++;
    return 'message';
  }

  /**
   * Takes the next entry that was not taken back; false if there is none. Takes the sender at its word:
   * whatever it says waits, only as many entries as there are places are looked at.
   */
  #claim(queue: ClaimableConsumer): boolean {
    const available = queue.available() >>> 0;
    if (available === 0) return false;
    const before = queue.passed;
    const isTaken = queue.claim(this.#entry, available);
    // What comes from now on must not have the memory of this very message closed.
    if (isTaken) this.#memory.noteTaken(this.#entry[DELIVERY.sequence] as number);
    const passed = (queue.passed - before) >>> 0;
    if (passed > Number(isTaken)) this.#memory.takeWaiting();
    return isTaken;
  }

  #droppedBySender(): number {
    return Atomics.load(this.#connection.words, SENDER_WORDS.dropped);
  }

  /** Counts those before message number `sequence` as dropped. */
  #skipTo(sequence: number): void {
    if (sequence < this.#nextSequence || sequence > Number.MAX_SAFE_INTEGER) throw outOfOrder();
    this.#dropped += sequence - this.#nextSequence;
    this.#nextSequence = sequence;
  }
}

function isOwn(slotId: number): boolean {
  return (slotId & OWN_MEMORY_FLAG) !== 0;
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
