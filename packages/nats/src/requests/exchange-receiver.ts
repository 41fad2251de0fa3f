import {
  BaseReceiver,
  ByteQuota,
  LoopBudget,
  type MoveTarget,
  movePiece,
  type PageferryError,
  type SpliceMethod,
  settledOrGivenUp,
  type WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { Arrivals } from './arrivals.js';
import type { Incoming } from './transfer.js';

/** What an {@link ExchangeReceiver} is made of. */
export interface ExchangeReceiverParts {
  readonly endpoint: string;
  /** The other side in words, for errors. */
  readonly peer: string;
  readonly arrivals: Arrivals;
  readonly waits: WaitList;
  readonly maxBorrowedBytes: number;
  readonly spinMicroseconds: number;
  readonly histograms: boolean;
  /** Why nothing more comes. */
  readonly failure: () => PageferryError | undefined;
  /** Called for a message that the program is done with. */
  readonly onDone?: (message: Incoming) => void;
  /** Ends this side, and the connection. */
  readonly hangUp: () => Promise<void>;
}

/** The half that receives: questions, or answers. */
export class ExchangeReceiver extends BaseReceiver<Incoming> {
  readonly #parts: ExchangeReceiverParts;

  constructor(parts: ExchangeReceiverParts) {
    const { endpoint, peer, waits, maxBorrowedBytes, spinMicroseconds, histograms } = parts;
    super({
      capabilities,
      sender: peer,
      endpoint,
      budget: new LoopBudget(spinMicroseconds),
      waits,
      quota: new ByteQuota(maxBorrowedBytes),
      histograms,
    });
    this.#parts = parts;
  }

  protected override next(): Incoming | undefined {
    const message = this.#parts.arrivals.next();
    const failure = message === undefined ? this.#parts.failure() : undefined;
    if (failure !== undefined) throw failure;
    return message;
  }

  // All that is here is here whole.
  protected override gather(message: Incoming): boolean {
    // What an earlier call has given up on may still be writing.
    if (message.moving) return false;
    message.show();
    return true;
  }

  protected override tryMove(): undefined {
    // Every write waits for a thread.
  }

  protected override async move(
    message: Incoming,
    { fd }: MoveTarget,
    signal: AbortSignal,
  ): Promise<SpliceMethod> {
    const { waits } = this.#parts;
    await waits.until(() => !message.moving, signal);
    while (message.offset < message.byteLength) {
      const note = (byteLength: number): void => message.advance(byteLength);
      const moving = movePiece(message, message.here, { fd, waits, note }, signal);
      await settledOrGivenUp(moving, signal);
    }
    return 'read-write';
  }

  protected override giveBack(message: Incoming): void {
    this.#parts.arrivals.giveBack(message);
    this.#parts.onDone?.(message);
  }

  protected override async hangUp(): Promise<void> {
    await this.#parts.hangUp();
    this.#parts.arrivals.stop();
  }
}
