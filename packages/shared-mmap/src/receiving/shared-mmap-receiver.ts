import {
  AdaptiveWaits,
  connect,
  type DeliverySource,
  type ReceiverConnection,
} from '@pageferry/connection';
import {
  BaseReceiver,
  ByteQuota,
  CollectedHolds,
  checkWaitOptions,
  clock,
  type Delivery,
  LoopBudget,
  type MoveTarget,
  PageferryError,
  type SpliceMethod,
  type ThreadMemory,
  timeoutError,
} from '@pageferry/core';
import {
  checkThreadAliases,
  DestinationWriter,
  destinationOf,
  type LinuxCalls,
  registerGlobalExpedited,
  type WriterSettings,
} from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import type { RingMemory } from '../memory/ring-memory.js';
import type { ReceiverSettings } from '../options.js';
import { HELLO, MECHANISM, POLICY } from '../protocol.js';
import { blockUntilNews } from './blocking-wait.js';
import type { InboundMessage } from './inbound-message.js';
import type { Inbox } from './inbox.js';
import type { MessageMemories } from './message-memories.js';
import type { SharedMmapReceiver as Contract, SharedMmapReceiverStats } from './receiver.js';
import { openParts, type ReceivingParts } from './receiving-parts.js';
import type { ThreadHolds } from './thread-holds.js';

/**
 * How much may be left to the garbage collector: this part of the sender's pool and of what this receiver may hold, so
 * that the rest goes round whenever that runs; and as many messages, of the 1024 that may be under way.
 */
const COLLECTED_SHARE = 4;
const MAX_COLLECTED = 128;

/** The receiving side of the shared-memory transport. */
export class SharedMmapReceiver extends BaseReceiver<InboundMessage> implements Contract {
  readonly #calls: LinuxCalls;
  readonly #settings: ReceiverSettings;
  readonly #connection: ReceiverConnection<DeliverySource>;
  readonly #inbox: Inbox;
  readonly #memories: MessageMemories;
  readonly #ring: RingMemory | undefined;
  readonly #park: () => void;
  readonly #writing: WriterSettings;
  readonly #threads: ThreadHolds | undefined;
  /** Has calls that wait look again: something may have come. */
  readonly wake: () => void;

  /** Takes the parts over. It does not {@link watch} the connection yet. */
  constructor(calls: LinuxCalls, settings: ReceiverSettings, parts: ReceivingParts) {
    const { spinMicroseconds, maxBorrowedBytes, maxBorrowed, histograms } = settings;
    const { connection, inbox, memories, threads, ring, park } = parts;
    const budget = new LoopBudget(spinMicroseconds);
    const waits = new AdaptiveWaits({ calls, budget, spinMicroseconds, arm: park });
    super({
      capabilities,
      sender: connection.nameSender(settings.endpoint),
      endpoint: settings.endpoint,
      budget,
      waits,
      quota: new ByteQuota(maxBorrowedBytes, maxBorrowed),
      collected: new CollectedHolds(
        Math.floor(Math.min(maxBorrowedBytes, memories.payloadBytes) / COLLECTED_SHARE),
        Math.min(MAX_COLLECTED, Math.floor(maxBorrowed / COLLECTED_SHARE)),
      ),
      returns: inbox.returns,
      spins: spinMicroseconds > 0,
      histograms,
      keepAlive: (on) => connection.keepAlive(on),
    });
    this.#calls = calls;
    this.#settings = settings;
    this.#connection = connection;
    this.#inbox = inbox;
    this.#memories = memories;
    this.#ring = ring;
    this.#park = park;
    this.#writing = { calls, budget, spinMicroseconds };
    this.#threads = threads;
    this.wake = () => waits.wake();
  }

  /**
   * Connects to a sender and maps its memory.
   *
   * @throws as `Transport.createReceiver`, and `NOT_SUPPORTED` if the sender does not let this
   *   receiver write as it wants to.
   */
  static async create(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    signal: AbortSignal | undefined,
  ): Promise<SharedMmapReceiver> {
    if (settings.sharedToThreads) checkThreadAliases(calls, 'sharedToThreads');
    const hello: number[] = [];
    const { endpoint, allow, whenBehind } = settings;
    hello[HELLO.policy] = POLICY[whenBehind];
    hello[HELLO.queueDepth] = settings.queueDepth;
    hello[HELLO.descriptors] = 1;
    hello[HELLO.barrier] = Number(whenBehind === 'wait' && registerGlobalExpedited(calls));
    const welcome = await connect(calls, endpoint, MECHANISM, signal, hello, [], allow);
    let parts: ReceivingParts | undefined;
    try {
      parts = openParts(calls, settings, welcome);
      const receiver = new SharedMmapReceiver(calls, settings, parts);
      const { wake } = receiver;
      parts.connection.watch(calls, { onRing: wake, onHangUp: wake });
      return receiver;
    } catch (error) {
      parts?.threads?.close();
      welcome.socket.close();
      for (const descriptor of welcome.descriptors) descriptor.close();
      throw error;
    }
  }

  receiveSync(options: { readonly timeout?: number | undefined } = {}): Delivery | undefined {
    const { timeout = Number.POSITIVE_INFINITY } = checkWaitOptions(options);
    const deadline = clock.now() + timeout;
    for (;;) {
      if (this.#threads?.isAny) this.#threads.collect();
      const delivery = this.tryReceive();
      if (delivery !== undefined) return delivery;
      if (this.ended) return undefined;
      if (this.callsWait) throw stuck('another call of this receiver waits');
      const waitsForThreads = this.holdsAll && this.#threads?.isAny;
      if (this.holdsAll && !waitsForThreads) throw stuck('this receiver holds as much as it may');
      if (clock.now() >= deadline) throw timeoutError(timeout, this.whyNothing());
      const { spinMicroseconds } = this.#settings;
      if (waitsForThreads) {
        this.#threads?.block(deadline);
        continue;
      }
      const bell = this.#threads?.isAny ? this.#threads.bell : undefined;
      blockUntilNews(this.#calls, this.#connection, this.#park, spinMicroseconds, deadline, bell);
    }
  }

  override stats(): SharedMmapReceiverStats {
    return { ...super.stats(), messagesDropped: this.#inbox.messagesDropped };
  }

  protected override get sharedBytes(): number {
    return this.#memories.byteLength;
  }

  protected override next(): InboundMessage | 'end' | undefined {
    return this.#inbox.next();
  }

  protected override gather(message: InboundMessage, isNew: boolean): boolean {
    if (isNew) return true;
    this.#memories.keepApart(message);
    this.#memories.renew(message);
    message.handOver();
    return true;
  }

  protected override tryMove(): undefined {
    // A write may block, or take a thread.
  }

  protected override async move(
    message: InboundMessage,
    { fd }: MoveTarget,
    signal: AbortSignal,
  ): Promise<SpliceMethod> {
    const writer = new DestinationWriter(this.#writing, destinationOf(this.#calls, fd));
    this.#memories.keepApart(message);
    while (message.rest > 0) {
      // A program may detach the bytes meanwhile.
      this.#memories.renew(message);
      message.offset += await writer.write(message.bytes, message.offset, message.rest, signal);
    }
    return 'write';
  }

  protected override bytesForCollector(
    message: InboundMessage,
  ): Uint8Array<ArrayBuffer> | undefined {
    return this.#memories.ownBytesOf(message);
  }

  protected override memoryForThreads(
    message: InboundMessage,
    threads: number,
    hold: Pick<Delivery, 'release'>,
  ): ThreadMemory | undefined {
    return this.#threads?.add(message, threads, hold);
  }

  protected override giveBack(message: InboundMessage): void {
    this.#inbox.giveBack(message);
  }

  protected override async hangUp(): Promise<void> {
    this.#threads?.close();
    this.#inbox.close();
    // Before the sender learns that it may use the memory again: what is held is copied.
    this.#memories.close();
    // After the payload memory, writes to which are explained from the ring.
    this.#ring?.close();
    this.#connection.close();
  }
}

function stuck(why: string): PageferryError {
  return new PageferryError('NOT_SUPPORTED', `receiveSync would never return: ${why}`);
}
