import { createEntry, type ReceiverConnection } from '@pageferry/connection';
import {
  DELIVERY,
  DELIVERY_ENTRY_WORDS,
  DESCRIPTORS_FLAG,
  OWN_MEMORY_FLAG,
  PLACE_UNIT,
  SENDER_WORDS,
} from '../layout.js';
import type { ClaimableConsumer } from '../queue/claimable-queue.js';
import type { PassedMemory } from '../queue/passed-memory.js';
import { InboundMessage } from './inbound-message.js';
import { type Inbox, nameless, outOfOrder, strayMessage } from './inbox.js';
import type { MessageMemories } from './message-memories.js';
import type { PayloadView } from './payload-view.js';

/** What a {@link QueueInbox} needs. It owns none of it. */
export interface QueueInboxSettings {
  readonly connection: ReceiverConnection<ClaimableConsumer>;
  readonly payload: PayloadView;
  readonly memories: MessageMemories;
  /** What was passed for messages that have memory of their own. */
  readonly passed: PassedMemory;
  /** Number of the first message that may come. */
  readonly firstSequence: number;
}

/** Takes messages out of a queue whose sender may take them back, and believes nothing that was not checked. */
export class QueueInbox implements Inbox {
  readonly returns: undefined;
  readonly #settings: QueueInboxSettings;
  readonly #entry = createEntry(DELIVERY_ENTRY_WORDS);
  /** True if `#entry` is a message that was taken and could not be shown yet: it stays the next one. */
  #isTaken = false;
  #nextSequence: number;
  /** Numbers that were left out. */
  #dropped = 0;
  /** What the sender said last that it has ever dropped, once the connection is closed. */
  #droppedAtEnd: number | undefined;
  #lost = 0;

  constructor(settings: QueueInboxSettings) {
    this.#settings = settings;
    this.#nextSequence = settings.firstSequence;
  }

  next(): InboundMessage | 'end' | undefined {
    for (;;) {
      if (!this.#isTaken) {
        const known = this.#settings.connection.deliveries.known();
        const found = known || this.#settings.connection.lookAgain();
        if (typeof found === 'string') return found;
        if (found === 0 || !this.#claim()) return undefined;
        this.#isTaken = true;
      }
      const message = this.#open();
      this.#isTaken = false;
      if (message !== undefined) return message;
    }
  }

  giveBack(message: InboundMessage): void {
    const { memories, connection } = this.#settings;
    memories.giveBack(message);
    connection.giveBack(message.name, message.sequence | 0);
  }

  /**
   * As the numbers of those that came tell, and those dropped since then, as the sender tells.
   */
  get messagesDropped(): number {
    // Kept to 32 bits; 0 if the sender tells nothing. One that says nonsense spoils this number alone.
    const dropped = this.#droppedAtEnd ?? this.#droppedBySender();
    const since = dropped === 0 ? 0 : Math.max((dropped - this.#dropped) | 0, 0);
    return this.#dropped + this.#lost + since;
  }

  close(): void {
    this.#droppedAtEnd = this.#droppedBySender();
  }

  /** The message in `#entry`. `undefined` if its memory is lost: then it was given back. */
  #open(): InboundMessage | undefined {
    const { payload, memories, connection } = this.#settings;
    const entry = this.#entry;
    const byteLength = (entry[DELIVERY.byteLength] as number) >>> 0;
    const place = (entry[DELIVERY.place] as number) >>> 0;
    const name = entry[DELIVERY.slotId] as number;
    const tag = (entry[DELIVERY.tag] as number) >>> 0;
    const high = (entry[DELIVERY.sequenceHigh] as number) >>> 0;
    const sequence = high * 2 ** 32 + ((entry[DELIVERY.sequence] as number) >>> 0);
    if (name < 0) throw nameless();
    const isOwn = (name & OWN_MEMORY_FLAG) !== 0;
    const end = place * PLACE_UNIT + byteLength;
    if (!isOwn && end > payload.byteLength) throw strayMessage(byteLength, place);
    if (sequence < this.#nextSequence || sequence > Number.MAX_SAFE_INTEGER) throw outOfOrder();
    const opened =
      name >= DESCRIPTORS_FLAG
        ? memories.openPassed({ sequence, byteLength, name, place })
        : { shown: payload.take(name, place, byteLength), attached: [] };
    this.#dropped += sequence - this.#nextSequence;
    this.#nextSequence = sequence + 1;
    if (opened !== 'lost') {
      const { shown, attached } = opened;
      const message = new InboundMessage(sequence, byteLength, name, tag, shown, 0, attached);
      memories.noteCarrier(message);
      return message;
    }
    // Who may miss messages gets the next one.
    this.#lost++;
    connection.giveBack(name, sequence | 0);
    return undefined;
  }

  /**
   * Takes the next entry that was not taken back; false if there is none. Takes the sender at its word:
   * whatever it says waits, only as many entries as there are places are looked at.
   */
  #claim(): boolean {
    const { connection, passed } = this.#settings;
    const queue = connection.deliveries;
    const available = queue.available() >>> 0;
    if (available === 0) return false;
    const before = queue.passed;
    const isTaken = queue.claim(this.#entry, available);
    // What comes from now on must not have the memory of this very message closed.
    if (isTaken) passed.noteTaken(this.#entry[DELIVERY.sequence] as number);
    const gone = (queue.passed - before) >>> 0;
    if (gone > Number(isTaken)) passed.takeWaiting();
    return isTaken;
  }

  #droppedBySender(): number {
    return Atomics.load(this.#settings.connection.words, SENDER_WORDS.dropped);
  }
}
