import { decodeHello, HELLO_BYTES, type Hello } from '../protocol/hello.js';
import type { ByteSink } from './receiver-socket.js';

/** What has become of a hello: the answer, something that is none, or a connection that ended. */
export type AnswerOutcome = Hello | 'foreign' | 'gone';

/** Reads the sender's answer to a hello, and not a byte more: what follows is for the receiver. */
export class Answer implements ByteSink {
  readonly #bytes = Buffer.alloc(HELLO_BYTES);
  readonly #scratch: Buffer;
  readonly #onOutcome: (outcome: AnswerOutcome) => void;
  #length = 0;
  #done = false;

  /**
   * @param scratch where the socket may read to after the answer.
   * @param onOutcome called once or twice: an answer may be followed by `gone`.
   */
  constructor(scratch: Buffer, onOutcome: (outcome: AnswerOutcome) => void) {
    this.#scratch = scratch;
    this.#onOutcome = onOutcome;
  }

  target(): Buffer {
    return this.#done ? this.#scratch : this.#bytes.subarray(this.#length);
  }

  arrived(bytes: Buffer): boolean {
    this.#length += bytes.length;
    const answer = decodeHello(this.#bytes.subarray(0, this.#length));
    if (answer === undefined) return true;
    this.#done = true;
    this.#onOutcome(answer);
    return false;
  }

  gone(): void {
    this.#onOutcome('gone');
  }
}
