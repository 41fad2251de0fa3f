import { decodeHelloOfStream, HELLO_BYTES, type Hello } from '@pageferry/core';
import type { ByteSink } from './receiver-socket.js';

/** What has become of a hello: the answer, something that is none, or a connection that ended. */
export type AnswerOutcome = Hello | 'foreign' | 'gone';

const REST_BYTES = 4096;

/** Reads the sender's answer to a hello, and not a byte more: what follows is for the receiver. */
export class Answer implements ByteSink {
  readonly #bytes = Buffer.alloc(HELLO_BYTES);
  /** Where the socket reads to after the answer, until somebody else takes over. */
  readonly #rest = Buffer.allocUnsafeSlow(REST_BYTES);
  readonly #settle: (outcome: AnswerOutcome) => void;
  #length = 0;
  #done = false;
  /** Resolves to what has become of the hello. */
  readonly outcome: Promise<AnswerOutcome>;

  constructor() {
    let settle = (_: AnswerOutcome): void => {};
    this.outcome = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
  }

  target(): Buffer {
    return this.#done ? this.#rest : this.#bytes.subarray(this.#length);
  }

  arrived(bytes: Buffer): boolean {
    this.#length += bytes.length;
    const answer = decodeHelloOfStream(this.#bytes.subarray(0, this.#length));
    if (answer === undefined) return true;
    this.#done = true;
    this.#settle(answer);
    return false;
  }

  gone(): void {
    this.#settle('gone');
  }
}
