import {
  BaseReceiver,
  ByteQuota,
  LoopBudget,
  MOVED_PIECE_BYTES,
  type MoveTarget,
  movePiece,
  type SpliceMethod,
  senderAt,
  settledOrGivenUp,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { ReceiverSettings } from '../options.js';
import { NAME } from '../protocol/name.js';
import { connectToSender } from './connect.js';
import type { InboundMessage } from './inbound-message.js';
import { Inbox } from './inbox.js';
import type { MessageSource } from './message-source.js';

/** How much of a message that is moved on is in memory at a time. */
const WINDOW_BYTES = 2 * 1024 * 1024;

/** What a {@link SocketReceiver} is made of. It takes them over. */
export interface SocketReceiverParts {
  /** In words, for errors. */
  readonly sender: string;
  readonly endpoint: string;
  readonly maxBorrowedBytes: number;
  readonly histograms: boolean;
  readonly budget: LoopBudget;
  readonly inbox: MessageSource;
  /** Woken whenever something has arrived, or nothing more will. */
  readonly waits: WaitList;
}

/** The receiving side of the socket transport: a receiver, or one half of a channel. */
export class SocketReceiver extends BaseReceiver<InboundMessage> {
  readonly #maxBorrowedBytes: number;
  readonly #inbox: MessageSource;
  readonly #waits: WaitList;

  constructor(parts: SocketReceiverParts) {
    const { sender, endpoint, maxBorrowedBytes, histograms, budget, inbox, waits } = parts;
    super({
      capabilities,
      sender,
      endpoint,
      budget,
      waits,
      quota: new ByteQuota(maxBorrowedBytes),
      histograms,
      keepAlive: (on) => inbox.keepAlive(on),
    });
    this.#maxBorrowedBytes = maxBorrowedBytes;
    this.#inbox = inbox;
    this.#waits = waits;
  }

  /**
   * Connects to a sender.
   *
   * @throws as `Transport.createReceiver`.
   */
  static async create(
    settings: ReceiverSettings,
    signal: AbortSignal | undefined,
  ): Promise<SocketReceiver> {
    const { endpoint, allow, maxBorrowedBytes, spinMicroseconds, histograms } = settings;
    const socket = await connectToSender(endpoint, NAME, signal, allow);
    const sender = senderAt(endpoint);
    const waits = new WaitList();
    return new SocketReceiver({
      sender,
      histograms,
      endpoint,
      maxBorrowedBytes,
      budget: new LoopBudget(spinMicroseconds),
      inbox: new Inbox(socket, maxBorrowedBytes, sender, () => waits.wake()),
      waits,
    });
  }

  protected override next(): InboundMessage | 'end' | undefined {
    return this.#inbox.next();
  }

  /**
   * Takes in what is here of a message, into memory of one piece. What a sender claims beyond what
   * the caller wants to hold anyway, it has to show: memory grows with what arrives.
   */
  protected override gather(message: InboundMessage): boolean {
    // What an earlier call has given up on may still be writing.
    if (message.moving) return false;
    this.#inbox.fill(message);
    while (!message.whole && message.room === 0) {
      const wanted = Math.max(this.#maxBorrowedBytes, 2 * message.here.length);
      message.reserve(Math.min(message.rest, wanted));
      this.#inbox.fill(message);
    }
    if (message.whole) {
      message.show();
      this.#inbox.finish(message);
      return true;
    }
    this.#inbox.askForMore();
    return false;
  }

  protected override tryMove(): undefined {
    // Every write waits for a thread.
  }

  protected override async move(
    message: InboundMessage,
    { fd }: MoveTarget,
    signal: AbortSignal,
  ): Promise<SpliceMethod> {
    await this.#waits.until(() => !message.moving, signal);
    while (message.rest > 0) {
      await this.#waits.until(() => this.#hasPiece(message), signal);
      const note = (byteLength: number): void => message.advance(byteLength);
      const target = { fd, waits: this.#waits, note };
      await settledOrGivenUp(movePiece(message, message.here, target, signal), signal);
    }
    return 'read-write';
  }

  protected override giveBack(message: InboundMessage): void {
    this.#inbox.giveBack(message);
  }

  protected override hangUp(): Promise<void> {
    return this.#inbox.hangUp();
  }

  /** True if a part of the message can be written. */
  #hasPiece(message: InboundMessage): boolean {
    const isEmpty = message.here.length === 0;
    if (isEmpty && message.room === 0) message.reserve(Math.min(message.rest, WINDOW_BYTES));
    this.#inbox.fill(message);
    const here = message.here.length;
    if (message.whole || message.room === 0 || here >= MOVED_PIECE_BYTES) return true;
    // What has come is moved on, also when nothing more will.
    if (here > 0 && this.#inbox.isOver) return true;
    this.#inbox.askForMore();
    return false;
  }
}
