import { loadInOrder, PARKED, type ReceiverConnection } from '@pageferry/connection';
import { PARKED_WORDS, RECEIVER_WORDS, SENDER_WORDS, WAITS_FOR_ROOM } from '../layout.js';

/** The receiver's end of the byte flow: how much is in the pipe, and how much was taken out of it. */
export class ConsumedBytes {
  readonly #connection: ReceiverConnection;
  #consumed = 0;

  constructor(connection: ReceiverConnection) {
    this.#connection = connection;
  }

  /** Bytes in the pipe that were not taken yet, as far as the sender tells the truth. */
  get available(): number {
    const produced = loadInOrder(this.#connection.words, SENDER_WORDS.bytesProduced);
    return (produced - this.#consumed) | 0;
  }

  /** Publishes that so many more bytes were taken; wakes a sender that waits for the room. */
  add(count: number): void {
    const { words } = this.#connection;
    this.#consumed = (this.#consumed + count) | 0;
    Atomics.store(words, RECEIVER_WORDS.bytesConsumed, this.#consumed);
    if ((loadInOrder(words, PARKED.sender) & WAITS_FOR_ROOM) === 0) return;
    const wakeAt = Atomics.load(words, PARKED_WORDS.senderWakeAt);
    if (((this.#consumed - wakeAt) | 0) >= 0) {
      this.#connection.wakeSenderThatWaitsFor(WAITS_FOR_ROOM);
    }
  }
}
