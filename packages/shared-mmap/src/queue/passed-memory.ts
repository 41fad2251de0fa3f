import type { DeliverySource, ReceiverConnection, SideRecord } from '@pageferry/connection';
import type { OwnedFd } from '@pageferry/linux';
import { DESCRIPTORS_RECORD, MEMORY_RECORD, RECEIVER_WORDS, SENDER_WORDS } from '../layout.js';

/** How many records, and how many descriptors, may wait for their messages. A sender that passes more breaks the protocol. */
const MAX_WAITING = 64;
const MAX_DESCRIPTORS_WAITING = 1024;

/** From how many on it is worth to look for those that no message will need. */
const MANY = 32;
const MANY_DESCRIPTORS = 256;

/** What was passed for a message; `'lost'` if this process had no descriptors left for it. */
export type Passed = readonly OwnedFd[] | 'lost';

/** Deliveries of which can be told which messages may still be taken. */
export interface TellingSource extends DeliverySource {
  /**
   * Tells of a message, by the lower 32 bits of its number, whether it may still be taken. `undefined` if that
   * cannot be told now.
   */
  neededSequences(): ((sequence: number) => boolean) | undefined;
}

/**
 * What was passed ahead of messages, memory of their own and descriptors, until the messages are taken. It came with the
 * lower 32 bits of the message's number.
 */
export class PassedMemory {
  readonly #connection: ReceiverConnection<TellingSource>;
  readonly #waiting = new Map<number, Passed>();
  #descriptorsWaiting = 0;
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
   * What was passed for the message that was taken last; the caller owns it. What came before it belongs to
   * messages that were dropped, or not sent after all, and is closed.
   *
   * @returns `'lost'` if the kernel has thrown it away, as this process had no descriptor left for it;
   *   `undefined` if it did not come.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  take(sequence: number): Passed | undefined {
    this.#taken = sequence;
    // It was passed before the message was published: it is here, or in the socket. As long as more was passed
    // than was taken off it, another one may come for the same message: the last one is meant.
    for (let looks = 0; this.#isBehind() || !this.#waiting.has(sequence); looks++) {
      if (looks > MAX_WAITING) return undefined;
      if (!this.#connection.takeRecordNow()) break;
    }
    if (!this.#waiting.has(sequence)) return undefined;
    for (const waiting of this.#waiting.keys()) {
      const passed = this.#remove(waiting);
      if (waiting === sequence) return passed;
      close(passed);
    }
    return undefined;
  }

  close(): void {
    for (const waiting of this.#waiting.keys()) close(this.#remove(waiting));
  }

  /** Whether more was passed than was taken off the socket, as far as the sender tells the truth. */
  #isBehind(): boolean {
    const passed = Atomics.load(this.#connection.words, SENDER_WORDS.memoriesPassed);
    return passed !== this.#received;
  }

  /**
   * Keeps what was passed for a message. Where something was before, this takes its place: that was passed in vain.
   */
  #keep({ kind, word, descriptors }: SideRecord): boolean {
    const count = countOf(descriptors);
    const isTooMuch =
      this.#waiting.size >= MAX_WAITING ||
      this.#descriptorsWaiting + count > MAX_DESCRIPTORS_WAITING;
    if (isTooMuch || !isRight(kind, descriptors)) {
      close(descriptors);
      return false;
    }
    // The order is that in which they came.
    close(this.#remove(word));
    this.#waiting.set(word, descriptors);
    this.#descriptorsWaiting += count;
    this.#noteReceived();
    return true;
  }

  #remove(sequence: number): Passed | undefined {
    const passed = this.#waiting.get(sequence);
    this.#waiting.delete(sequence);
    this.#descriptorsWaiting -= countOf(passed);
    return passed;
  }

  /** Has the sender know that one more record is off the socket; closes what nobody needs. */
  #noteReceived(): void {
    const { words, deliveries } = this.#connection;
    this.#received = (this.#received + 1) | 0;
    Atomics.store(words, RECEIVER_WORDS.memoriesTaken, this.#received);
    if (this.#waiting.size < MANY && this.#descriptorsWaiting < MANY_DESCRIPTORS) return;
    const isNeeded = deliveries.neededSequences();
    if (isNeeded === undefined) return;
    for (const sequence of this.#waiting.keys()) {
      if (sequence !== this.#taken && !isNeeded(sequence)) close(this.#remove(sequence));
    }
  }
}

/** Whether as much came with a record as its kind says. */
function isRight(kind: number, descriptors: Passed): boolean {
  if (kind !== MEMORY_RECORD && kind !== DESCRIPTORS_RECORD) return false;
  if (descriptors === 'lost') return true;
  return kind === MEMORY_RECORD ? descriptors.length === 1 : descriptors.length > 0;
}

function countOf(passed: Passed | undefined): number {
  return typeof passed === 'object' ? passed.length : 0;
}

function close(passed: Passed | undefined): void {
  if (typeof passed === 'object') for (const descriptor of passed) descriptor.close();
}
