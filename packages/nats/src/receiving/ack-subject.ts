/** Where a piece lies, as the subject to acknowledge it on says. */
export interface Place {
  /** Its number in the stream. */
  readonly number: number;
  /** How many were sent to this consumer with it. */
  readonly consumerSequence: number;
}

/**
 * The subjects on which a consumer's messages are acknowledged:
 * `$JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.DELIVERIES.NUMBER.SEQUENCE.TIME.PENDING[.…]`.
 */
export class AckSubject {
  readonly #stream: string;
  #tokens: readonly string[];

  constructor(stream: string, consumer: string) {
    this.#stream = stream;
    this.#tokens = ['$JS', 'ACK', stream, consumer, '1', '0', '0', '0', '0'];
  }

  /** Reads one; `undefined` if it is none. */
  read(subject: string): Place | undefined {
    const tokens = subject.split('.');
    const place = tokens.indexOf(this.#stream);
    const number = Number(tokens[place + 3]);
    const consumerSequence = Number(tokens[place + 4]);
    if (place < 0 || !Number.isSafeInteger(number) || !Number.isSafeInteger(consumerSequence)) {
      return undefined;
    }
    this.#tokens = tokens;
    return { number, consumerSequence };
  }

  /** The one of another piece, in the form that the servers use. */
  write(number: number, consumerSequence: number): string {
    const tokens = [...this.#tokens];
    const place = tokens.indexOf(this.#stream);
    tokens[place + 3] = `${number}`;
    tokens[place + 4] = `${consumerSequence}`;
    return tokens.join('.');
  }
}
