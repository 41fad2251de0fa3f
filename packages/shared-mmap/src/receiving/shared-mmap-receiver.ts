import {
  AdaptiveWaits,
  connect,
  openConnection,
  type ReceiverConnection,
  type ReceiverTerms,
  type Welcome,
  wrongDescriptors,
} from '@pageferry/connection';
import {
  BaseReceiver,
  ByteQuota,
  checkWaitOptions,
  clock,
  type Delivery,
  LoopBudget,
  type MoveTarget,
  PageferryError,
  type SpliceMethod,
  timeoutError,
} from '@pageferry/core';
import {
  DestinationWriter,
  destinationOf,
  type LinuxCalls,
  type WriterSettings,
} from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { SENDER_WORDS } from '../layout.js';
import type { ReceiverSettings } from '../options.js';
import { DESCRIPTOR, DESCRIPTOR_COUNT, HELLO, MECHANISM, POLICY, WELCOME } from '../protocol.js';
import { ClaimableConsumer } from '../queue/claimable-queue.js';
import { DeliveryConsumer } from '../queue/delivery-queue.js';
import { DeliveryReader } from '../queue/delivery-reader.js';
import { PassedMemory } from '../queue/passed-memory.js';
import { blockUntilNews } from './blocking-wait.js';
import type { InboundMessage } from './inbound-message.js';
import { Inbox } from './inbox.js';
import { MessageMemories } from './message-memories.js';
import { PayloadView } from './payload-view.js';
import type { SharedMmapReceiver as Contract, SharedMmapReceiverStats } from './receiver.js';

/** The receiving side of the shared-memory transport. */
export class SharedMmapReceiver extends BaseReceiver<InboundMessage> implements Contract {
  readonly #calls: LinuxCalls;
  readonly #settings: ReceiverSettings;
  readonly #connection: ReceiverConnection<DeliveryConsumer>;
  readonly #reader: DeliveryReader;
  readonly #memories: MessageMemories;
  readonly #inbox: Inbox;
  readonly #writing: WriterSettings;

  private constructor(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    connection: ReceiverConnection<DeliveryConsumer>,
    payload: PayloadView,
    firstSequence: number,
  ) {
    const { spinMicroseconds, whenBehind, maxBorrowedBytes, maxBorrowed } = settings;
    const budget = new LoopBudget(spinMicroseconds);
    const arm = (): void => connection.park();
    const waits = new AdaptiveWaits({ calls, budget, spinMicroseconds, arm });
    super({
      capabilities,
      sender: connection.nameSender(settings.endpoint),
      budget,
      waits,
      quota: new ByteQuota(maxBorrowedBytes, maxBorrowed),
      spins: spinMicroseconds > 0,
      keepAlive: (on) => connection.keepAlive(on),
    });
    this.#calls = calls;
    this.#settings = settings;
    this.#connection = connection;
    const passed = new PassedMemory(connection);
    const payloadBytes = payload.byteLength;
    const reader = new DeliveryReader({ connection, memory: passed, firstSequence, payloadBytes });
    const memories = new MessageMemories({ calls, receiver: settings, payload, passed });
    this.#reader = reader;
    this.#memories = memories;
    this.#inbox = new Inbox({ connection, reader, memories, mayMiss: whenBehind !== 'wait' });
    this.#writing = { calls, budget, spinMicroseconds };
    const wake = (): void => waits.wake();
    connection.watch(calls, { onRing: wake, onHangUp: wake });
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
    const hello: number[] = [];
    hello[HELLO.policy] = POLICY[settings.whenBehind];
    hello[HELLO.queueDepth] = settings.queueDepth;
    const welcome = await connect(calls, settings.endpoint, MECHANISM, signal, hello);
    try {
      return SharedMmapReceiver.#open(calls, settings, welcome);
    } catch (error) {
      welcome.socket.close();
      for (const descriptor of welcome.descriptors) descriptor.close();
      throw error;
    }
  }

  static #open(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    { socket, descriptors, parameters }: Welcome,
  ): SharedMmapReceiver {
    const payloadFd = descriptors[DESCRIPTOR.payload];
    if (payloadFd === undefined) throw wrongDescriptors();
    const mayMiss = settings.whenBehind !== 'wait';
    const terms: ReceiverTerms<DeliveryConsumer> = {
      openQueue: (words, place) =>
        mayMiss ? new ClaimableConsumer(words, place) : new DeliveryConsumer(words, place),
      senderCounters: [SENDER_WORDS.memoriesPassed],
    };
    const connection = openConnection(calls, socket, descriptors, DESCRIPTOR_COUNT, terms);
    let payload: PayloadView | undefined;
    try {
      payload = PayloadView.open(payloadFd, { calls, ...settings });
      payloadFd.close();
      const low = parameters[WELCOME.firstSequenceLow] ?? 0;
      const high = parameters[WELCOME.firstSequenceHigh] ?? 0;
      return new SharedMmapReceiver(calls, settings, connection, payload, high * 2 ** 32 + low);
    } catch (error) {
      payload?.close();
      connection.close();
      throw error;
    }
  }

  receiveSync(options: { readonly timeout?: number | undefined } = {}): Delivery | undefined {
    const { timeout = Number.POSITIVE_INFINITY } = checkWaitOptions(options);
    const deadline = clock.now() + timeout;
    for (;;) {
      const delivery = this.tryReceive();
      if (delivery !== undefined) return delivery;
      if (this.ended) return undefined;
      if (this.callsWait) throw stuck('another call of this receiver waits');
      if (this.holdsAll) throw stuck('this receiver holds as much as it may');
      if (clock.now() >= deadline) throw timeoutError(timeout, this.whyNothing());
      blockUntilNews(this.#calls, this.#connection, this.#settings.spinMicroseconds, deadline);
    }
  }

  override stats(): SharedMmapReceiverStats {
    return { ...super.stats(), messagesDropped: this.#reader.messagesDropped };
  }

  protected override next(): InboundMessage | 'end' | undefined {
    return this.#inbox.next();
  }

  protected override gather(message: InboundMessage, isNew: boolean): boolean {
    if (isNew) return true;
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
    while (message.rest > 0) {
      // A program may detach the bytes meanwhile.
      this.#memories.renew(message);
      message.offset += await writer.write(message.bytes, message.offset, message.rest, signal);
    }
    return 'write';
  }

  protected override giveBack(message: InboundMessage): void {
    this.#inbox.giveBack(message);
  }

  protected override async hangUp(): Promise<void> {
    this.#reader.close();
    // Before the sender learns that it may use the memory again: what is held is copied.
    this.#memories.close();
    this.#connection.close();
  }
}

function stuck(why: string): PageferryError {
  return new PageferryError('NOT_SUPPORTED', `receiveSync would never return: ${why}`);
}
