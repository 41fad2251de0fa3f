import type { Delivery } from '@pageferry/core';
import type { ReceiveReport } from './api.js';
import { findMismatch } from './pattern.js';

/** A report stops collecting problems at this many: the first ones tell enough. */
const MAX_PROBLEMS = 10;

/** Checks deliveries as they come, and adds them up. */
export class MessageCheck {
  #messages = 0;
  #bytes = 0;
  #first = -1;
  #last = -1;
  readonly #problems: string[] = [];
  /** Set it when the sender's orderly end was seen. */
  ended = false;

  /**
   * Checks every byte of a delivery, and that it follows the one before.
   *
   * @param number of the message: that by which its sender counts.
   */
  add(delivery: Delivery, number: number = delivery.sequence): void {
    const { byteLength, offset } = delivery;
    const mismatch = findMismatch(delivery.bytes, number, offset);
    if (mismatch >= 0) {
      const value = delivery.bytes[mismatch];
      this.problem(
        `message ${number} of ${byteLength} bytes has a wrong byte ${value} at ${mismatch}`,
      );
    }
    if (delivery.bytes.length !== byteLength) {
      this.problem(`message ${number} says ${byteLength} bytes, has ${delivery.bytes.length}`);
    }
    if (this.#messages > 0 && number !== this.#last + 1) {
      this.problem(`message ${number} came after ${this.#last}`);
    }
    if (this.#messages === 0) this.#first = number;
    this.#last = number;
    this.#messages++;
    this.#bytes += byteLength;
  }

  problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(text);
  }

  report(): ReceiveReport {
    return {
      messages: this.#messages,
      bytes: this.#bytes,
      first: this.#first,
      last: this.#last,
      ended: this.ended,
      problems: this.#problems,
    };
  }
}
