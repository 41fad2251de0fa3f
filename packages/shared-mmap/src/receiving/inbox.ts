import type { ReceiverConnection } from '@pageferry/connection';
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
  /** True if a message was read that could not be shown yet: it stays the next one. */
  #isRead = false;

  constructor(settings: InboxSettings) {
    this.#settings = settings;
  }

  /**
   * The next message, which is taken; `'end'` after an orderly end. Not to be called again after an error
   * of the sender's.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`, `PEER_REJECTED`, `SYSTEM_CALL_FAILED`.
   */
  next(): InboundMessage | 'end' | undefined {
    const { reader, memories } = this.#settings;
    if (!this.#isRead) {
      const found = reader.next();
      // `typeof` here and below: V8 calls a function to compare a string with anything else.
      if (typeof found !== 'string') return undefined;
      if (found === 'end') return found;
      this.#isRead = true;
    }
    const message = memories.open(reader);
    this.#isRead = false;
    return typeof message === 'string' ? this.#lose() : message;
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
