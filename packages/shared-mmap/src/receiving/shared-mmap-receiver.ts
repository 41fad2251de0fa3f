import {
  AdaptiveWaits,
  connect,
  openConnection,
  type ReceiverConnection,
  type Welcome,
  wrongDescriptors,
} from '@pageferry/connection';
import {
  BaseReceiver,
  checkIsOpen,
  checkWaitOptions,
  clock,
  type Delivery,
  type DeliveryMemory,
  isPageferryError,
  PageferryError,
  type SpliceResult,
  timeoutError,
  withBytesTransferred,
  withEither,
} from '@pageferry/core';
import { EMFILE, type LinuxCalls, type OwnedFd, systemCallError } from '@pageferry/linux';
import { capabilities } from '../capabilities.js';
import { Windows } from '../memory/window.js';
import type { ReceiverSettings } from '../options.js';
import { DESCRIPTOR, DESCRIPTOR_COUNT, HELLO, MECHANISM, POLICY, WELCOME } from '../protocol.js';
import { blockUntilNews } from './blocking-wait.js';
import { Inbox } from './inbox.js';
import { MessageWriter } from './message-writer.js';
import { OwnMemoryView } from './own-memory-view.js';
import { PayloadView, type View } from './payload-view.js';
import type { SharedMmapReceiver as Contract, SharedMmapReceiverStats } from './receiver.js';

/** How often to look before waiting: up to ten microseconds' worth. */
const LOOKS = 512;

/** A message in the caller's hands, or on its way there. */
interface SharedDelivery extends DeliveryMemory {
  bytes: Uint8Array;
  readonly ticket: number;
  /** Of the bytes, which have none once a program has detached them. */
  readonly byteLength: number;
  /** Where the bytes lie: in the payload memory, or in memory of the message's own. */
  readonly place: View | OwnMemoryView;
}

/** A message that was taken out of the queue, but not handed over whole yet. */
interface Pending {
  readonly memory: SharedDelivery;
  /** Bytes that `spliceTo` has moved on. */
  moved: number;
}

/** The receiving side of the shared-memory transport. */
export class SharedMmapReceiver extends BaseReceiver<SharedDelivery> implements Contract {
  readonly #calls: LinuxCalls;
  readonly #settings: ReceiverSettings;
  readonly #connection: ReceiverConnection;
  readonly #payload: PayloadView;
  readonly #waits: AdaptiveWaits;
  readonly #inbox: Inbox;
  readonly #writer: MessageWriter;
  /** Memories of messages that are held and have their own. */
  readonly #owns = new Set<OwnMemoryView>();
  readonly #windows: Windows;
  /** Ends whatever waits for a destination. */
  readonly #closing = new AbortController();
  #pending: Pending | undefined;
  /** True if a message was taken out of the queue whose memory could not be mapped yet. */
  #unmapped = false;
  /** What was passed for that message. */
  #passed: OwnedFd | undefined;
  #held = 0;
  #bytesHeld = 0;
  #failure: PageferryError | undefined;

  private constructor(
    calls: LinuxCalls,
    settings: ReceiverSettings,
    connection: ReceiverConnection,
    payload: PayloadView,
    firstSequence: number,
  ) {
    const sender = connection.nameSender(settings.endpoint);
    super({ ...settings, capabilities, sender });
    this.#calls = calls;
    this.#settings = settings;
    this.#connection = connection;
    this.#payload = payload;
    this.#windows = new Windows(calls);
    const { budget } = this;
    const { spinMicroseconds, whenBehind } = settings;
    this.#waits = new AdaptiveWaits({
      calls,
      budget,
      spinMicroseconds,
      arm: () => connection.park(),
    });
    this.#inbox = new Inbox({
      connection,
      mayDrop: whenBehind !== 'wait',
      firstSequence,
      payloadBytes: payload.byteLength,
    });
    this.#writer = new MessageWriter({ calls, budget, spinMicroseconds });
    connection.watch(calls, {
      onRing: () => this.#waits.wake(),
      onHangUp: () => this.#waits.wake(),
    });
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
    const mayDrop = settings.whenBehind !== 'wait';
    const payloadFd = descriptors[DESCRIPTOR.payload];
    if (payloadFd === undefined) throw wrongDescriptors();
    const terms = { takesMemory: true, mayDrop };
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
      if (this.#isFull()) throw stuck('this receiver holds as much as it may');
      if (clock.now() >= deadline) {
        throw timeoutError(timeout, this.whyNothing());
      }
      blockUntilNews(this.#calls, this.#connection, this.#settings.spinMicroseconds, deadline);
    }
  }

  override stats(): SharedMmapReceiverStats {
    return { ...super.stats(), messagesDropped: this.#inbox.messagesDropped };
  }

  protected override get looks(): number {
    return this.#settings.spinMicroseconds === 0 ? 0 : LOOKS;
  }

  protected override poll(): SharedDelivery | 'end' | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#held >= this.#settings.maxBorrowed) return undefined;
    if (this.#pending !== undefined) return this.#pollPending(this.#pending);
    const memory = this.#take();
    if (typeof memory !== 'object') return memory;
    if (!this.#mayHold(memory.byteLength)) {
      this.#pending = { memory, moved: 0 };
      return undefined;
    }
    return this.#hold(memory);
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#waits.until(ready, signal);
  }

  protected override giveBack(memory: SharedDelivery): void {
    this.#held--;
    this.#bytesHeld -= memory.byteLength;
    this.#return(memory);
    // A receive may wait for this room.
    if (this.#waits.parked > 0) this.#waits.wake();
  }

  protected override async moveTo(
    fd: number,
    _teeFd: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SpliceResult | undefined> {
    let found: Pending | 'end' | undefined;
    await this.waitUntil(() => {
      if (this.#failure !== undefined) throw this.#failure;
      found = this.#takeToMove();
      return found !== undefined;
    }, signal);
    const pending = found as unknown as Pending | 'end';
    if (pending === 'end') return undefined;
    const { memory } = pending;
    const start = pending.moved;
    try {
      if (memory.byteLength === 0) checkIsOpen(fd);
      // Again, should a program detach the bytes meanwhile.
      while (pending.moved < memory.byteLength) {
        await withEither(signal, this.#closing.signal, (stop) =>
          this.#writer.write(fd, this.#bytesOf(memory), pending, stop),
        );
      }
    } catch (error) {
      throw withBytesTransferred(error, pending.moved - start);
    }
    this.#pending = undefined;
    this.#return(memory);
    const byteLength = pending.moved - start;
    return { byteLength, sequence: memory.sequence, method: 'write', userSpaceCopies: 1 };
  }

  protected override waitsFor(): 'message' | 'rest' | 'release' {
    if (this.#isFull()) return 'release';
    return this.#pending === undefined ? 'message' : 'rest';
  }

  protected override keepAlive(on: boolean): void {
    this.#connection.keepAlive(on);
  }

  protected override async hangUp(): Promise<void> {
    const closed = new PageferryError('CLOSED', 'this receiver is closed');
    this.#closing.abort(closed);
    this.#waits.fail(closed);
    // The thread pool may still read from the memory, and a message that has moved is given back.
    await this.moveIsOver();
    // Before the sender learns that it may use the memory again: what is held is copied.
    this.#payload.close();
    for (const own of this.#owns) own.abandon();
    this.#windows.close();
    this.#connection.close();
    this.#passed?.close();
  }

  /** The bytes of a message that was not handed out: a program may have detached what it saw before. */
  #bytesOf(memory: SharedDelivery): Uint8Array {
    const { bytes, byteLength, place } = memory;
    if (bytes.length !== byteLength) {
      const isOwn = place instanceof OwnMemoryView;
      memory.bytes = isOwn ? place.renewed(byteLength) : this.#payload.renewed(place);
    }
    return memory.bytes;
  }

  /** The message that is in between, or what is left of it, if it may be held. */
  #pollPending({ memory, moved }: Pending): SharedDelivery | undefined {
    const byteLength = memory.byteLength - moved;
    if (!this.#mayHold(byteLength)) return undefined;
    this.#pending = undefined;
    const bytes = this.#bytesOf(memory);
    if (moved === 0) return this.#hold(memory);
    return this.#hold({ ...memory, bytes: bytes.subarray(moved), byteLength, offset: moved });
  }

  #hold(memory: SharedDelivery): SharedDelivery {
    this.#held++;
    this.#bytesHeld += memory.byteLength;
    return memory;
  }

  /** The message that is in between, or the next one, which is in between from now on. */
  #takeToMove(): Pending | 'end' | undefined {
    if (this.#pending !== undefined) return this.#pending;
    const memory = this.#take();
    if (typeof memory !== 'object') return memory;
    this.#pending = { memory, moved: 0 };
    return this.#pending;
  }

  /** The next message. What the sender did wrong stays wrong. */
  #take(): SharedDelivery | 'end' | undefined {
    try {
      const found = this.#unmapped ? 'message' : this.#inbox.next();
      if (found === undefined) return undefined;
      if (found === 'message') {
        // Until it has a memory, the message stays the next one: the lack of it may pass.
        this.#unmapped = true;
        const memory = this.#inbox.own ? this.#openOwn(this.#inbox) : this.#inPayload(this.#inbox);
        this.#unmapped = false;
        return memory ?? this.#lose();
      }
      return found;
    } catch (error) {
      // What ends the connection ends it for good.
      if (isPageferryError(error) && error.code.startsWith('PEER_')) this.#failure = error;
      throw error;
    }
  }

  #inPayload({ sequence, byteLength, ticket, offset }: Inbox): SharedDelivery {
    const place = this.#payload.take(ticket, offset, byteLength, sequence);
    return { bytes: place.bytes, sequence, offset: 0, ticket, byteLength, place };
  }

  /**
   * Gives the message that was taken last back, because its memory is lost: this process had no descriptor
   * left when it came. Who may miss messages gets the next one.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`), once.
   */
  #lose(): SharedDelivery | 'end' | undefined {
    const { sequence, ticket } = this.#inbox;
    this.#inbox.noteLost();
    this.#connection.giveBack(ticket, sequence | 0, 0, 0);
    if (this.#settings.whenBehind === 'wait') {
      const what = `the memory of message ${sequence} is lost: this process had no descriptor left for it`;
      throw systemCallError('recvmsg', -EMFILE, what);
    }
    return this.#take();
  }

  /** `undefined` if the memory is lost. */
  #openOwn({ sequence, byteLength, ticket }: Inbox): SharedDelivery | undefined {
    if (this.#passed === undefined) {
      const passed = this.#connection.takeMemory(sequence | 0);
      if (passed === 'lost') return undefined;
      this.#passed = passed;
    }
    const message = { byteLength, sequence };
    const settings = { calls: this.#calls, windows: this.#windows, ...this.#settings };
    const own = OwnMemoryView.open(settings, this.#passed, message);
    this.#passed?.close();
    this.#passed = undefined;
    this.#owns.add(own);
    return { bytes: own.bytes, sequence, offset: 0, ticket, byteLength, place: own };
  }

  #return(memory: SharedDelivery): void {
    const { place, ticket, sequence } = memory;
    if (place instanceof OwnMemoryView) {
      this.#owns.delete(place);
      place.close();
    } else {
      this.#payload.giveBack(place);
    }
    this.#connection.giveBack(ticket, sequence | 0, 0, 0);
  }

  #isFull(): boolean {
    if (this.#held >= this.#settings.maxBorrowed) return true;
    const pending = this.#pending;
    return pending !== undefined && !this.#mayHold(pending.memory.byteLength - pending.moved);
  }

  /** Whether the caller may hold so many more bytes. */
  #mayHold(byteLength: number): boolean {
    return this.#bytesHeld === 0 || this.#bytesHeld + byteLength <= this.#settings.maxBorrowedBytes;
  }
}

function stuck(why: string): PageferryError {
  return new PageferryError('NOT_SUPPORTED', `receiveSync would never return: ${why}`);
}
