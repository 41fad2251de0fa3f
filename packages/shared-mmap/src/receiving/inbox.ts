import type { ReceiverConnection } from '@pageferry/connection';
import { isPageferryError, type PageferryError } from '@pageferry/core';
import { EMFILE, systemCallError } from '@pageferry/linux';
import type { DeliveryConsumer } from '../queue/delivery-queue.js';
import type { DeliveryReader } from '../queue/delivery-reader.js';
import type { InboundMessage } from './inbound-message.js';
import type { MessageMemories } from './message-memories.js';

/** What an {@link Inbox} needs. It owns none of it. */
export interface InboxSettings {
  readonly connection: ReceiverConnection<DeliveryConsumer>;
  readonly reader: DeliveryReader;
  readonly memories: MessageMemories;
  /** Whether the receiver may miss messages. */
  readonly mayMiss: boolean;
}

/** Takes messages out of the queue, and gives them back to the sender. */
export class Inbox {
  readonly #settings: InboxSettings;
  /** True if a message was read that could not be shown yet. */
  #isRead = false;
  #failure: PageferryError | undefined;

  constructor(settings: InboxSettings) {
    this.#settings = settings;
  }

  /**
   * The next message, which is taken; `'end'` after an orderly end. What the sender did wrong stays wrong;
   * until it can be shown, a message stays the next one.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`, `PEER_REJECTED`, `SYSTEM_CALL_FAILED`.
   */
  next(): InboundMessage | 'end' | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const { reader, memories } = this.#settings;
    let isRead = this.#isRead;
    try {
      if (!isRead) {
        const found = reader.next();
        if (found !== 'message') return found;
        isRead = true;
      }
      const message = memories.open(reader);
      if (this.#isRead) this.#isRead = false;
      isRead = false;
      return message === 'lost' ? this.#lose() : message;
    } catch (error) {
      if (isRead) this.#isRead = true;
      // What ends the connection ends it for good.
      if (isPageferryError(error) && error.code.startsWith('PEER_')) this.#failure = error;
      throw error;
    }
  }

  /** Gives a message back to the sender, who may use its memory again. */
  giveBack(message: InboundMessage): void {
    this.#settings.memories.giveBack(message);
    this.#settings.connection.giveBack(message.slotId, message.sequence | 0);
  }

  /**
   * Gives the message that was read last back, because its memory is lost. Who may miss messages gets the
   * next one.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`), once.
   */
  #lose(): InboundMessage | 'end' | undefined {
    const { connection, reader, mayMiss } = this.#settings;
    const { sequence, slotId } = reader;
    reader.noteLost();
    connection.giveBack(slotId, sequence | 0);
    if (mayMiss) return this.next();
    const what = `the memory of message ${sequence} is lost: this process had no descriptor left for it`;
    throw systemCallError('recvmsg', -EMFILE, what);
  }
}
