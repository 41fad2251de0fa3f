import type { SenderConnection } from '@pageferry/connection';
import type { OwnedFd } from '@pageferry/linux';
import { MEMORY_RECORD, RECEIVER_WORDS, SENDER_WORDS } from '../layout.js';

/** Passes memories of their own to one receiver, ahead of the messages that need them. */
export class MemoryChannel {
  readonly #connection: SenderConnection<unknown>;
  #passed = 0;

  constructor(connection: SenderConnection<unknown>) {
    this.#connection = connection;
  }

  /**
   * Passes the memory of a message, which stays the caller's. See `Connection.sendRecord`.
   *
   * @param sequence the message's number.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  pass(sequence: number, fd: OwnedFd): 'sent' | 'later' | 'gone' {
    const outcome = this.#connection.sendRecord(MEMORY_RECORD, sequence | 0, fd);
    if (outcome !== 'sent') return outcome;
    this.#passed = (this.#passed + 1) | 0;
    Atomics.store(this.#connection.words, SENDER_WORDS.memoriesPassed, this.#passed);
    return outcome;
  }

  /** How many the receiver has not taken off the socket, as far as it tells the truth. */
  get untaken(): number {
    return (this.#passed - Atomics.load(this.#connection.words, RECEIVER_WORDS.memoriesTaken)) | 0;
  }
}
