import { MAX_UNDER_WAY } from '../protocol/channel.js';
import type { OutgoingMessage } from './outgoing-message.js';

/** The messages that were sent over one connection and have not come back. */
export class UnderWay {
  readonly #messages = new Map<number, OutgoingMessage>();
  readonly #takeBack: (message: OutgoingMessage) => void;
  #bytes = 0;
  /** Number of the last message whose memory the socket no longer needs. */
  #lastLeft = -1;

  /** @param takeBack gets each message once: the other side is done with it, or gone. */
  constructor(takeBack: (message: OutgoingMessage) => void) {
    this.#takeBack = takeBack;
  }

  /** How many there are. */
  get count(): number {
    return this.#messages.size;
  }

  /** The sum of their lengths. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True if one more message can be under way. */
  get hasRoom(): boolean {
    return this.#messages.size < MAX_UNDER_WAY;
  }

  /** Notes a message that is sent now. */
  add(message: OutgoingMessage): void {
    message.holders++;
    this.#messages.set(message.sequence, message);
    this.#bytes += message.byteLength;
  }

  /** The socket no longer needs the memory of this message, nor of any before it. */
  noteLeft(message: OutgoingMessage): void {
    this.#lastLeft = message.sequence;
  }

  /** Takes back `count` messages from number `first` on. False if one of them is not under way. */
  release(first: number, count: number): boolean {
    if (count > this.#messages.size || !Number.isSafeInteger(first + count)) return false;
    for (let released = first; released < first + count; released++) {
      const message = this.#messages.get(released);
      if (message === undefined) return false;
      this.#messages.delete(released);
      this.#bytes -= message.byteLength;
      this.#giveBack(message);
    }
    return true;
  }

  /** Takes all of them back. */
  clear(): void {
    for (const message of this.#messages.values()) this.#giveBack(message);
    this.#messages.clear();
    this.#bytes = 0;
  }

  #giveBack(message: OutgoingMessage): void {
    // The other side may be quicker than Node's word that the bytes have left, or tell lies.
    if (message.sequence > this.#lastLeft) message.reusable = false;
    this.#takeBack(message);
  }
}
