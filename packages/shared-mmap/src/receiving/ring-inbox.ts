import { type ReceiverConnection, WAITS_FOR } from '@pageferry/connection';
import type { Corkable } from '@pageferry/core';
import {
  DELIVERY,
  DESCRIPTORS_FLAG,
  KEPT,
  OWN_MEMORY_FLAG,
  PLACE_UNIT,
  RECEIVER_WORDS,
} from '../layout.js';
import type { RingConsumer } from '../queue/ring.js';
import { InboundMessage } from './inbound-message.js';
import {
  type Inbox,
  lostMessage,
  nameless,
  outOfOrder,
  strayMessage,
  strayQueue,
} from './inbox.js';
import type { MessageMemories } from './message-memories.js';
import type { PayloadView, View } from './payload-view.js';

/** What a {@link RingInbox} needs. It owns none of it. */
export interface RingInboxSettings {
  readonly connection: ReceiverConnection<RingConsumer>;
  readonly payload: PayloadView;
  readonly memories: MessageMemories;
  /** Number of the first message that will come. */
  readonly firstSequence: number;
  /**
   * Whether both sides issue a barrier for both before they sleep (membarrier(2)): then this one needs none for
   * each message.
   */
  readonly parkingPays: boolean;
}

/** What else an entry says of a message. */
interface Numbers {
  readonly tag: number;
  readonly exchange: number;
}

/**
 * Takes messages out of the ring, and believes nothing in it that was not checked. Messages that are given back
 * in the order in which they came cost one word; of others it is said one by one that they are kept for longer.
 */
export class RingInbox implements Inbox, Corkable {
  readonly returns: Corkable = this;
  readonly #connection: ReceiverConnection<RingConsumer>;
  readonly #ring: RingConsumer;
  readonly #payload: PayloadView;
  readonly #memories: MessageMemories;
  /** The number of the next message. */
  #next: number;
  /** The number up to which everything was given back, or was said to be kept. */
  #cursor: number;
  #lost = 0;
  #isCorked = false;
  /** Whether anything was given back while this is corked. */
  #hasNews = false;
  /** Whether a full barrier follows the store of the cursor; see `RingProducer.barrier`. */
  readonly #barrier: boolean;

  constructor({ connection, payload, memories, firstSequence, parkingPays }: RingInboxSettings) {
    this.#connection = connection;
    this.#ring = connection.deliveries;
    this.#payload = payload;
    this.#memories = memories;
    this.#next = firstSequence;
    this.#cursor = firstSequence;
    this.#barrier = !parkingPays;
  }

  next(): InboundMessage | 'end' | undefined {
    const ring = this.#ring;
    const known = ring.known() || this.#connection.lookAgain();
    if (known === 0) return undefined;
    // `typeof`: V8 calls a function to compare a string with anything else.
    if (typeof known === 'string') return known;
    if (known < 0 || known > ring.capacity) throw strayQueue(known);
    const { words, at } = ring;
    // Each word is looked at once: the sender may change it meanwhile.
    const byteLength = words[at + DELIVERY.byteLength] as number;
    const place = words[at + DELIVERY.place] as number;
    const name = words[at + DELIVERY.slotId] as number;
    const tag = words[at + DELIVERY.tag] as number;
    const exchange = words[at + DELIVERY.exchange] as number;
    if (!ring.isWhole(at)) throw this.#whyNotWhole();
    // Mostly it lies where, and is as long as, one that was seen before. Numbers that do not fit into 31 bits
    // cost more than all of this, and messages for which something was passed are opened with that.
    const isUsual = (name | tag | exchange) >= 0 && name < DESCRIPTORS_FLAG;
    const view = isUsual ? this.#payload.takeAgain(name, place, byteLength) : undefined;
    if (view === undefined) {
      return this.#nextNew(name, place >>> 0, byteLength >>> 0, {
        tag: tag >>> 0,
        exchange: exchange >>> 0,
      });
    }
    ring.pass();
    const { message } = view;
    if (message === undefined || message.name !== name || tag !== 0) {
      return this.#nextIn(view, name, { tag, exchange });
    }
    message.sequence = this.#next++;
    message.exchange = exchange;
    return message;
  }

  /** The next one in the same place may be the same object: see {@link View.message}. */
  #nextIn(view: View, name: number, { tag, exchange }: Numbers): InboundMessage {
    const message = new InboundMessage(this.#next++, view.byteLength, name, tag, view, exchange);
    if (tag === 0) view.message = message;
    return message;
  }

  #nextNew(name: number, place: number, byteLength: number, numbers: Numbers): InboundMessage {
    if (name < 0) throw nameless();
    const isOwn = (name & OWN_MEMORY_FLAG) !== 0;
    if (!isOwn && place * PLACE_UNIT + byteLength > this.#payload.byteLength) {
      throw strayMessage(byteLength, place);
    }
    if (name >= DESCRIPTORS_FLAG) return this.#nextPassed(name, place, byteLength, numbers);
    const view = this.#payload.take(name, place, byteLength);
    this.#ring.pass();
    return this.#nextIn(view, name, numbers);
  }

  giveBack(message: InboundMessage): void {
    this.#memories.giveBack(message);
    this.#return(message.sequence, message.name);
  }

  get messagesDropped(): number {
    return this.#lost;
  }

  close(): void {
    // Nothing was dropped.
  }

  cork(): void {
    this.#isCorked = true;
  }

  uncork(): void {
    this.#isCorked = false;
    // A ring that brings nothing new would count against this side.
    if (!this.#hasNews) return;
    this.#hasNews = false;
    Atomics.store(this.#connection.words, RECEIVER_WORDS.cursor, this.#cursor | 0);
    this.#connection.wakeSenderThatWaitsFor(WAITS_FOR.returns);
  }

  /** It is opened before it is taken: what has failed for want of memory or descriptors may be tried again. */
  #nextPassed(
    name: number,
    place: number,
    byteLength: number,
    { tag, exchange }: Numbers,
  ): InboundMessage {
    const opened = this.#memories.openPassed({ sequence: this.#next, byteLength, name, place });
    const sequence = this.#next++;
    this.#ring.pass();
    if (opened === 'lost') {
      this.#lost++;
      this.#return(sequence, name);
      throw lostMessage(sequence);
    }
    const { shown, attached } = opened;
    const message = new InboundMessage(sequence, byteLength, name, tag, shown, exchange, attached);
    this.#memories.noteCarrier(message);
    return message;
  }

  /** A sender that has cut this side off does not wait for it: it may have written over what comes next. */
  #whyNotWhole(): unknown {
    return this.#connection.isCutOff ? this.#connection.endedBy() : outOfOrder();
  }

  #return(sequence: number, name: number): void {
    const connection = this.#connection;
    // Whole numbers: a delivery may be held for more messages than 32 bits can count.
    if (sequence === this.#cursor) {
      this.#setCursor(sequence + 1);
    } else if (sequence < this.#cursor) {
      connection.sayOfMessage(name, sequence | 0);
    } else {
      // Those before it are kept. That is said first: whoever sees the cursor sees it.
      for (let kept = this.#cursor; kept < sequence; kept++)
        connection.sayOfMessage(KEPT, kept | 0);
      this.#setCursor(sequence + 1);
    }
    if (this.#isCorked) this.#hasNews = true;
    else connection.wakeSenderThatWaitsFor(WAITS_FOR.returns);
  }

  #setCursor(cursor: number): void {
    this.#cursor = cursor;
    if (this.#isCorked) return;
    const { words } = this.#connection;
    if (this.#barrier) Atomics.store(words, RECEIVER_WORDS.cursor, cursor | 0);
    else words[RECEIVER_WORDS.cursor] = cursor | 0;
  }
}
