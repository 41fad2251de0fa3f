import type { DeliverySource, ReceiverConnection, SideRecord } from '@pageferry/connection';
import type { OwnedFd } from '@pageferry/linux';
import { MEMORY_RECORD, RECEIVER_WORDS, SENDER_WORDS } from '../layout.js';

/** How many descriptors may wait for their messages. A sender that passes more breaks the protocol. */
const MAX_WAITING = 64;

/** From how many on it is worth to look for those that no message will need. */
const MANY = 32;

/** Deliveries of which can be told which messages may still be taken. */
export interface TellingSource extends DeliverySource {
  /**
   * Tells of a message, by the lower 32 bits of its number, whether it may still be taken. `undefined` if that
   * cannot be told now.
   */
  neededSequences(): ((sequence: number) => boolean) | undefined;
}

/**
 * Memories that were passed for messages that have their own, until the messages are taken. Each came with the
 * lower 32 bits of its message's number.
 */
export class PassedMemory {
  readonly #connection: ReceiverConnection<TellingSource>;
  readonly #waiting = new Map<number, OwnedFd | 'lost'>();
  #received = 0;
  /** The message that was taken last: its entry does not wait any more, its memory may. */
  #taken: number | undefined;

  /** Takes the records of `connection` from now on. */
  constructor(connection: ReceiverConnection<TellingSource>) {
    this.#connection = connection;
    connection.takeRecords((record) => this.#keep(record));
  }

  /** A message was taken: what comes from now on must not have its memory closed. */
  noteTaken(sequence: number): void {
    this.#taken = sequence;
  }

  /** Takes off the socket what was passed for dropped messages: who never waits would never do it. */
  takeWaiting(): void {
    if (this.#isBehind()) this.#connection.checkPeer();
  }

  /**
   * The memory of the message that was taken last; the caller owns it. Those that came before it belong to
   * messages that were dropped, or not sent after all, and are closed.
   *
   * @returns `'lost'` if the kernel has thrown it away, as this process had no descriptor left for it;
   *   `undefined` if it did not come.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  take(sequence: number): OwnedFd | 'lost' | undefined {
    this.#taken = sequence;
    // It was passed before the message was published: it is here, or in the socket. As long as more was passed
    // than was taken off it, another one may come for the same message: the last one is meant.
    for (let looks = 0; this.#isBehind() || !this.#waiting.has(sequence); looks++) {
      if (looks > MAX_WAITING) return undefined;
      if (!this.#connection.takeRecordNow()) break;
    }
    if (!this.#waiting.has(sequence)) return undefined;
    for (const [waiting, descriptor] of this.#waiting) {
      this.#waiting.delete(waiting);
      if (waiting === sequence) return descriptor;
      close(descriptor);
    }
    return undefined;
  }

  close(): void {
    for (const descriptor of this.#waiting.values()) close(descriptor);
    this.#waiting.clear();
  }

  /** Whether more was passed than was taken off the socket, as far as the sender tells the truth. */
  #isBehind(): boolean {
    const passed = Atomics.load(this.#connection.words, SENDER_WORDS.memoriesPassed);
    return passed !== this.#received;
  }

  /**
   * Keeps a memory. Where there is one for that message, the new one takes its place: the other was passed
   * in vain.
   */
  #keep({ kind, word, descriptor }: SideRecord): boolean {
    const isMemory = kind === MEMORY_RECORD && descriptor !== undefined;
    if (!isMemory || this.#waiting.size >= MAX_WAITING) {
      close(descriptor);
      return false;
    }
    close(this.#waiting.get(word));
    // The order is that in which they came.
    this.#waiting.delete(word);
    this.#waiting.set(word, descriptor);
    this.#noteReceived();
    return true;
  }

  /** Has the sender know that one more memory is off the socket; closes those that nobody needs. */
  #noteReceived(): void {
    const { words, deliveries } = this.#connection;
    this.#received = (this.#received + 1) | 0;
    Atomics.store(words, RECEIVER_WORDS.memoriesTaken, this.#received);
    if (this.#waiting.size < MANY) return;
    const isNeeded = deliveries.neededSequences();
    if (isNeeded === undefined) return;
    for (const [sequence, descriptor] of this.#waiting) {
      if (sequence === this.#taken || isNeeded(sequence)) continue;
      this.#waiting.delete(sequence);
      close(descriptor);
    }
  }
}

function close(descriptor: OwnedFd | 'lost' | undefined): void {
  if (typeof descriptor === 'object') descriptor.close();
}
