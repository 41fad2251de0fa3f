import { clock } from '@pageferry/core';
import type { Engine } from '../engine/engine.js';
import { SENDER_CONSUMER } from '../engine/names.js';
import { describeMark, type Mark, type TakenOver } from '../engine/take-over.js';

/** After how many messages, and how long after a message, in milliseconds, the servers are told anew. */
const MESSAGES_A_MARK = 128;
const QUIET = 250;
/** How many messages may be sent on of which the servers are not told: their source has to keep so many. */
const MOST_UNTOLD = 256;
/** How long to wait before they are told once more, where that has failed, in milliseconds. */
const PAUSE = 100;

/** What {@link Progress} is made of. */
export interface ProgressParts {
  readonly engine: Engine;
  readonly stream: string;
  /** What stands for the source. */
  readonly source: string;
  /** How many bytes the pieces of the stream have. */
  readonly pieceBytes: number;
  /** The inbox of the sender's consumer. */
  readonly inbox: string;
  /** Where to go on; `undefined` in a stream that is new. */
  readonly from: TakenOver | undefined;
  /** Called when a message that had to wait may be asked about again. */
  readonly onChange: () => void;
}

/**
 * What is to become of a message: it is in the stream already, goes there as usual, or goes there from the piece on that is
 * missing; it has to wait until the servers are told of something; or nobody can say.
 */
export type Verdict = 'stored' | 'next' | 'rest' | 'wait' | 'unknown';

/**
 * How far a stream has got in what its source sends. The servers are told now and then, in the description of the
 * sender's consumer; whoever takes the stream over counts on from there. That needs no more than the lengths of the
 * messages, because the same messages make the same pieces where pieces have the same length.
 */
export class Progress {
  readonly #parts: ProgressParts;
  #inbox: string;
  /** What is known to be stored. */
  #reached: Mark | undefined;
  #told: Mark | undefined;
  #isTelling = false;
  #isOver = false;
  #soon: NodeJS.Timeout | undefined;
  /** Number of the last piece that the sender before has left, until all messages up to there were seen. */
  #left: number | undefined;
  #found = 0;
  /** Has the servers told once more, though they have not answered. */
  #tellAgain = (): void => undefined;

  constructor(parts: ProgressParts) {
    this.#parts = parts;
    this.#inbox = parts.inbox;
    this.#reached = parts.from?.mark;
    this.#told = parts.from?.mark;
    this.#left = parts.from?.stored;
    // A server that was killed does not answer, and the client would wait for that for seconds.
    parts.engine.onChange(() => {
      if (parts.engine.connected) this.#tellAgain();
    });
  }

  /** What the description of the sender's consumer is to say. */
  get description(): string {
    const { source, pieceBytes } = this.#parts;
    return describeMark(source, this.#told, pieceBytes);
  }

  /** The sender's consumer was made anew. */
  moveTo(inbox: string): void {
    this.#inbox = inbox;
  }

  /** How many messages were in the stream already. */
  get found(): number {
    return this.#found;
  }

  /**
   * @param sequence number of the message that comes next.
   * @param pieces how many pieces it has.
   */
  judge(sequence: number, pieces: number): Verdict {
    const reached = this.#reached;
    if (reached === undefined) {
      // Nothing may be in the stream before it is known what.
      this.#reach({ sequence: sequence - 1, number: 0 });
      this.#tell();
      return 'wait';
    }
    if (this.#told === undefined) return 'wait';
    const left = this.#left;
    if (left === undefined) return sequence - this.#told.sequence > MOST_UNTOLD ? 'wait' : 'next';
    if (sequence <= reached.sequence) {
      this.#found++;
      return 'stored';
    }
    if (reached.number >= left) {
      this.#left = undefined;
      return 'next';
    }
    if (sequence !== reached.sequence + 1) return 'unknown';
    const number = reached.number + pieces;
    if (number <= left) {
      this.#reach({ sequence, number });
      this.#found++;
      return 'stored';
    }
    return 'rest';
  }

  /**
   * The message of which a part is missing goes on.
   *
   * @returns the number in the stream of its first piece.
   */
  goOn(): number {
    this.#left = undefined;
    return (this.#reached?.number ?? 0) + 1;
  }

  /** A message is stored, and all before it. */
  noteStored(mark: Mark): void {
    this.#reach(mark);
    const untold = mark.sequence - (this.#told?.sequence ?? 0);
    if (untold >= MESSAGES_A_MARK) this.#tell();
    this.#soon ??= clock
      .setTimeout(() => {
        this.#soon = undefined;
        if (this.#reached !== this.#told) this.#tell();
      }, QUIET)
      .unref();
  }

  /** Tells nobody any more. */
  stop(): void {
    this.#isOver = true;
    clock.clearTimeout(this.#soon);
  }

  #reach(mark: Mark): void {
    this.#reached = mark;
  }

  #tell(): void {
    if (this.#isTelling || this.#isOver) return;
    this.#isTelling = true;
    void this.#tellServers().finally(() => {
      this.#isTelling = false;
      this.#parts.onChange();
    });
  }

  async #tellServers(): Promise<void> {
    const { engine, stream, source, pieceBytes } = this.#parts;
    while (!this.#isOver) {
      const mark = this.#reached as Mark;
      const isAnswered = engine.api.consumers
        .update(stream, SENDER_CONSUMER, {
          description: describeMark(source, mark, pieceBytes),
          deliver_subject: this.#inbox,
        })
        .then(() => true);
      const isInVain = new Promise<false>((resolve) => {
        this.#tellAgain = () => resolve(false);
      });
      try {
        if (await Promise.race([isAnswered, isInVain])) {
          this.#told = mark;
          if ((this.#reached as Mark).sequence - mark.sequence < MESSAGES_A_MARK) return;
        }
      } catch {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, PAUSE).unref());
      }
    }
  }
}
