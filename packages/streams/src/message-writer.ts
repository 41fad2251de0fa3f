import {
  checkBytes,
  invalidArgument,
  isLentByAnother,
  type Loan,
  LoopBudget,
  nextTurn,
  type Payload,
  type Sender,
} from '@pageferry/core';
import { closeIfOver, isChannel, type MessageSink, nobodyReceives } from './ends.js';
import { CHUNK_BYTES, HELD_MICROSECONDS, type StreamSettings } from './options.js';
import { gathered, lengthOf } from './pieces.js';

/** What of the settings matters to what is written. */
type WriterSettings = Pick<StreamSettings, 'objectMode' | 'autoClose' | 'chunkBytes' | 'receivers'>;

/** True for a loan, which is a message already. */
export function isLoan(value: unknown): value is Loan {
  const { send, trySend, release } = (value ?? {}) as Partial<Loan>;
  return [send, trySend, release].every((method) => typeof method === 'function');
}

/** Makes messages of chunks: what all writable streams of this package stand on. One call at a time. */
export class MessageWriter {
  readonly #sink: MessageSink;
  readonly #settings: WriterSettings;
  readonly #stop = new AbortController();
  readonly #budget = new LoopBudget(HELD_MICROSECONDS);
  #hasReceivers = false;
  #finished = false;
  #ending: Promise<void> | undefined;

  constructor(sink: MessageSink, settings: WriterSettings) {
    this.#sink = sink;
    this.#settings = settings;
  }

  /** True once the end was told to the other side. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Sends bytes that fit into one message, where that can be done at once: then it returns `undefined`. Otherwise
   * as {@link writeBytes}.
   *
   * @throws as {@link writeBytes}, also at once.
   */
  writeBytesAtOnce(pieces: readonly Uint8Array[]): Promise<void> | undefined {
    let byteLength = 0;
    for (const piece of pieces) byteLength += lengthOf(piece);
    const { chunkBytes, receivers } = this.#settings;
    const isReceived = this.#hasReceivers || receivers === 0 || isChannel(this.#sink);
    // A longer copy is to be made in pieces, with turns of the event loop between them.
    const isShort = byteLength > 0 && byteLength <= Math.min(chunkBytes, CHUNK_BYTES);
    const mayTry = isReceived && isShort && !this.#budget.exhausted();
    const loan = mayTry ? this.#sink.tryLoan(byteLength) : undefined;
    if (loan === undefined) return this.writeBytes(pieces);
    try {
      const { bytes } = loan;
      let start = 0;
      for (const piece of pieces) {
        bytes.set(piece, start);
        start += piece.length;
      }
      const outcome = loan.trySend();
      if (outcome === 'sent') return undefined;
      if (outcome === 'no-receiver') throw nobodyReceives();
    } catch (error) {
      loan.release();
      throw error;
    }
    return this.#sendLoan(loan);
  }

  /**
   * Sends bytes, as few messages as they fit into.
   *
   * @throws `PEER_DIED` if nobody receives them any more, `BYTES_DETACHED`; as `send`.
   */
  async writeBytes(pieces: readonly Uint8Array[]): Promise<void> {
    for (const batch of gathered(pieces, this.#settings.chunkBytes)) {
      // Promises that are resolved already never let the event loop turn.
      if (this.#budget.exhausted()) await nextTurn();
      await this.#send(batch);
    }
  }

  /**
   * Sends one message. A loan is this object's from here on: where it is not sent it is released.
   *
   * @throws as {@link writeBytes}, and `INVALID_ARGUMENT` for what cannot be sent.
   */
  async writeMessage(message: Payload | string, encoding?: BufferEncoding): Promise<void> {
    if (isLoan(message)) return await this.#sendLoan(message);
    await this.#send(
      typeof message === 'string' ? [Buffer.from(message, encoding)] : checkBytes('chunk', message),
    );
  }

  /** Tells the other side that this was all, where the stream owns the end. */
  async finish(): Promise<void> {
    if (this.#settings.autoClose) {
      const { signal } = this.#stop;
      if (isChannel(this.#sink)) await this.#sink.finish({ signal });
      else {
        await this.#untilReceived(this.#sink);
        await this.#sink.close({ signal });
      }
    }
    this.#finished = true;
  }

  /** Ends the wait of any other call. */
  stop(): void {
    this.#stop.abort();
  }

  /** Ends what the stream owns: so that the other side notices, unless {@link finish} has ended it in order. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.stop();
    if (!this.#settings.autoClose) return;
    if (!this.#finished) await this.#sink.destroy();
    else if (isChannel(this.#sink)) await closeIfOver(this.#sink);
  }

  async #send(pieces: readonly Uint8Array[]): Promise<void> {
    const { signal } = this.#stop;
    if (!isChannel(this.#sink)) await this.#untilReceived(this.#sink);
    if ((await this.#sink.send(pieces, { signal })) !== 'sent') throw nobodyReceives();
  }

  async #sendLoan(loan: Loan): Promise<void> {
    try {
      if (!isChannel(this.#sink)) await this.#untilReceived(this.#sink);
      if (isLentByAnother(loan, this.#sink)) {
        throw invalidArgument(
          'chunk',
          loan,
          'a loan of the sender, or of the channel, that is written to',
        );
      }
      if ((await loan.send({ signal: this.#stop.signal })) !== 'sent') throw nobodyReceives();
    } finally {
      loan.release();
    }
  }

  /** A stream has a beginning: what is sent before anybody is there would be missing from it. */
  async #untilReceived(sender: Sender): Promise<void> {
    const { receivers } = this.#settings;
    if (this.#hasReceivers || receivers === 0) return;
    await sender.waitForReceivers(receivers, { signal: this.#stop.signal });
    this.#hasReceivers = true;
  }
}
