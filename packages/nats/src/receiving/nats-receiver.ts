import {
  BaseReceiver,
  ByteQuota,
  LoopBudget,
  type MoveTarget,
  movePiece,
  type ReceiverStats,
  type SpliceMethod,
  senderAt,
  settledOrGivenUp,
  WaitList,
} from '@pageferry/core';
import { capabilities } from '../capabilities.js';
import type { Engine } from '../engine/engine.js';
import { removeIfDrained } from '../engine/stream.js';
import type { ReceiverSettings, TransportSettings } from '../options.js';
import { connectToSender } from './connect.js';
import type { InboundMessage } from './inbound-message.js';
import { Inbox } from './inbox.js';

/** Counters of a receiver over NATS. A snapshot. */
export interface NatsReceiverStats extends ReceiverStats {
  /** How many messages it has not got because it was behind. */
  readonly messagesDropped: number;
}

/** What a {@link NatsReceiver} is made of. It takes them over. */
interface Parts {
  readonly engine: Engine;
  readonly stream: string;
  readonly consumer: string;
  readonly inbox: Inbox;
  readonly waits: WaitList;
}

/** The receiving side of the transport over NATS. */
export class NatsReceiver extends BaseReceiver<InboundMessage> {
  readonly #engine: Engine;
  readonly #stream: string;
  readonly #consumer: string;
  readonly #inbox: Inbox;
  readonly #waits: WaitList;

  private constructor(settings: ReceiverSettings, parts: Parts) {
    const { endpoint, maxBorrowedBytes, spinMicroseconds, histograms } = settings;
    const { engine, inbox, waits } = parts;
    super({
      capabilities,
      sender: senderAt(endpoint),
      endpoint,
      budget: new LoopBudget(spinMicroseconds),
      waits,
      quota: new ByteQuota(maxBorrowedBytes),
      histograms,
      keepAlive: (on) => engine.keepAlive(on && !inbox.isOver),
    });
    this.#engine = engine;
    this.#stream = parts.stream;
    this.#consumer = parts.consumer;
    this.#inbox = inbox;
    this.#waits = waits;
  }

  /**
   * Connects to a sender.
   *
   * @throws as `Transport.createReceiver`.
   */
  static async create(
    transport: TransportSettings,
    settings: ReceiverSettings,
    signal: AbortSignal | undefined,
  ): Promise<NatsReceiver> {
    const { endpoint, maxBorrowedBytes, whenBehind, queueDepth } = settings;
    const waits = new WaitList();
    let inbox: Inbox | undefined;
    const { engine, stream, consumer } = await connectToSender(
      transport,
      settings,
      (parts) => {
        inbox = new Inbox({
          ...parts,
          whenBehind,
          queueDepth,
          keptBytes: maxBorrowedBytes,
          sender: senderAt(endpoint),
          onChange: () => {
            // A receiver that nobody uses does not outlive its sender.
            if (inbox?.isOver) parts.engine.keepAlive(false);
            if (waits.parked > 0) waits.wake();
          },
        });
        return inbox.intake;
      },
      signal,
    );
    return new NatsReceiver(settings, {
      engine,
      stream,
      consumer,
      inbox: inbox as unknown as Inbox,
      waits,
    });
  }

  override stats(): NatsReceiverStats {
    return { ...super.stats(), messagesDropped: this.#inbox.messagesDropped };
  }

  protected override next(): InboundMessage | 'end' | undefined {
    return this.#inbox.next();
  }

  protected override gather(message: InboundMessage): boolean {
    // What an earlier call has given up on may still be writing.
    if (message.moving) return false;
    const isWhole = this.#inbox.gather(message);
    if (isWhole) message.show();
    return isWhole;
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
    while (message.offset < message.byteLength || message.final === undefined) {
      await this.#waits.until(() => this.#hasPiece(message), signal);
      await settledOrGivenUp(this.#movePiece(message, fd, signal), signal);
    }
    return 'read-write';
  }

  protected override giveBack(message: InboundMessage): void {
    this.#inbox.giveBack(message);
  }

  protected override async hangUp(): Promise<void> {
    this.#inbox.stop();
    const { api } = this.#engine;
    if (this.#engine.connected) {
      // What is left behind the engine removes by itself, a while later.
      await api.consumers.delete(this.#stream, this.#consumer).catch(() => undefined);
      if (this.#inbox.isOver) await removeIfDrained(api, this.#stream).catch(() => undefined);
    }
    await this.#engine.close();
  }

  #hasPiece(message: InboundMessage): boolean {
    return message.here.length > 0 || this.#inbox.head(message) !== undefined;
  }

  async #movePiece(message: InboundMessage, fd: number, stop: AbortSignal): Promise<void> {
    const { here } = message;
    const bytes = here.length > 0 ? here : this.#inbox.head(message);
    if (bytes === undefined) return;
    const note = (byteLength: number): void => {
      if (here.length > 0) message.advance(byteLength);
      else this.#inbox.pass(message, byteLength);
    };
    if (bytes.length > 0) {
      await movePiece(message, bytes, { fd, waits: this.#waits, note }, stop);
      return;
    }
    // The last piece may be empty.
    note(0);
    this.#waits.wake();
  }
}
