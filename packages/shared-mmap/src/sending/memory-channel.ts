import type { SenderConnection } from '@pageferry/connection';
import { DESCRIPTORS_RECORD, MEMORY_RECORD, RECEIVER_WORDS, SENDER_WORDS } from '../layout.js';

interface Descriptor {
  readonly fd: number;
}

/**
 * How many descriptors may be under way to one receiver, in messages that it has not returned (or not taken, where it may
 * miss messages), and how many on its socket. Each is an open descriptor of the receiver's process, of which many have 1024
 * in all.
 */
export const MAX_UNDER_WAY = 256;

/** Passes to one receiver what goes ahead of messages: memory of their own, and descriptors that travel with them. */
export class MemoryChannel {
  readonly #connection: SenderConnection<unknown>;
  #passed = 0;
  /** How many descriptors were in each of the last records, of which the receiver may not have taken some. */
  readonly #counts: number[] = [];

  constructor(connection: SenderConnection<unknown>) {
    this.#connection = connection;
  }

  /**
   * Passes what goes ahead of a message. It stays the caller's. See `Connection.sendRecord`.
   *
   * @param sequence the message's number.
   * @param own memory of the message's own, if it has that.
   * @param attached descriptors that travel with it.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  pass(
    sequence: number,
    own: Descriptor | undefined,
    attached: readonly Descriptor[] = [],
  ): 'sent' | 'later' | 'gone' {
    const kind = attached.length > 0 ? DESCRIPTORS_RECORD : MEMORY_RECORD;
    const descriptors = own === undefined ? attached : [own, ...attached];
    const outcome = this.#connection.sendRecord(kind, sequence | 0, descriptors);
    if (outcome !== 'sent') return outcome;
    this.#counts.push(descriptors.length);
    this.#passed = (this.#passed + 1) | 0;
    Atomics.store(this.#connection.words, SENDER_WORDS.memoriesPassed, this.#passed);
    return outcome;
  }

  /** How many records the receiver has not taken off the socket, as far as it tells the truth. */
  get untaken(): number {
    return (this.#passed - Atomics.load(this.#connection.words, RECEIVER_WORDS.memoriesTaken)) | 0;
  }

  /** Whether so many descriptors may go onto the socket beside those that the receiver has not taken off it. */
  hasRoomFor(count: number): boolean {
    const untaken = Math.max(this.untaken, 0);
    while (this.#counts.length > untaken) this.#counts.shift();
    return this.#counts.reduce((sum, each) => sum + each, count) <= MAX_UNDER_WAY;
  }
}
