import { ChannelEnded, type See } from '../channel.js';

/** Who has asked, and waits. */
interface Asker {
  readonly see: See;
  readonly settle: (error?: Error) => void;
}

/**
 * Answers that come in the order of their questions, each for the one who has asked longest: what plain Node needs to
 * know which answer is whose, where the other side answers in turn.
 */
export class AnswersInOrder {
  readonly #askers: Asker[] = [];

  /** Resolves when `see` has seen the answer to the question that is asked now. */
  next(see: See): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => (error ? reject(error) : resolve());
      this.#askers.push({ see, settle });
    });
  }

  /** Takes an answer that has come as a whole. */
  take(answer: Uint8Array): void {
    this.see(answer, 0, answer.length, 0);
    this.complete();
  }

  /** Takes a part of an answer. */
  readonly see: See = (...part) => this.#first().see(...part);

  /** All parts of an answer were there. */
  complete(): void {
    this.#first().settle();
    this.#askers.shift();
  }

  /** No more answers come. */
  end(): void {
    const askers = this.#askers.splice(0);
    for (const { settle } of askers) settle(new ChannelEnded(askers.length));
  }

  #first(): Asker {
    const [first] = this.#askers;
    if (first === undefined) throw new Error('an answer came, and nobody has asked');
    return first;
  }
}
