import { loadInOrder, type SenderConnection } from '@pageferry/connection';
import { PARKED_WORDS, RECEIVER_WORDS, SENDER_WORDS } from '../layout.js';

/** The sender's end of the byte flow: how much was put into the pipe, and how much of it is still in there. */
export class ProducedBytes {
  readonly #words: Int32Array;
  #produced = 0;

  constructor({ words }: SenderConnection) {
    this.#words = words;
  }

  /** Publishes that so many more bytes are in the pipe. */
  add(count: number): void {
    this.#produced = (this.#produced + count) | 0;
    Atomics.store(this.#words, SENDER_WORDS.bytesProduced, this.#produced);
  }

  /** Bytes that the receiver has not taken, as far as it tells the truth. */
  get inFlight(): number {
    return (this.#produced - loadInOrder(this.#words, RECEIVER_WORDS.bytesConsumed)) | 0;
  }

  /**
   * Has the receiver wake this side once it has left at most so many bytes in the pipe; to be said before parking.
   *
   * What the receiver has taken is not looked at: it may take more between two looks, and what is computed of both could be
   * a count that it never comes to.
   */
  wakeAt(mostInFlight: number): void {
    Atomics.store(this.#words, PARKED_WORDS.senderWakeAt, (this.#produced - mostInFlight) | 0);
  }
}
