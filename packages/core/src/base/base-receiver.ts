import { EXCHANGE, exchangeKind, exchangeNumber, isAnswer } from '../channel/exchange.js';
import { checkDescriptor } from '../check-descriptor.js';
import { checkInteger } from '../checks.js';
import type { Bytes } from '../contract/bytes.js';
import type { Capabilities } from '../contract/capabilities.js';
import type { PeerEvent } from '../contract/diagnostics.js';
import type {
  Delivery,
  MessageInfo,
  Receiver,
  ReceiverStats,
  SpliceDestination,
  SpliceMethod,
  SpliceOptions,
  SpliceResult,
} from '../contract/receiver.js';
import type { SharedDelivery } from '../contract/threads.js';
import type { WaitOptions } from '../contract/transport.js';
import { ReceiverMeasures } from '../diagnostics/measures.js';
import { isWatched, named, publish } from '../diagnostics/publish.js';
import { tellOfStalls } from '../diagnostics/stalls.js';
import { isPageferryError, PageferryError, withBytesTransferred } from '../errors.js';
import { clock } from '../waiting/clock.js';
import { checkMayWait, checkWaitOptions, withDeadline } from '../waiting/deadline.js';
import { eachSecond } from '../waiting/each-second.js';
import { Followers, type Sought } from '../waiting/followers.js';
import { afterMicrotasks, type LoopBudget, lastInNextTurn } from '../waiting/loop-budget.js';
import { withEither } from '../waiting/on-abort.js';
import { pause } from '../waiting/pause.js';
import { SerialQueue } from '../waiting/serial-queue.js';
import { SPINS_AT_ONCE } from '../waiting/spin-policy.js';
import type { Waits } from '../waiting/waits.js';
import { BaseDelivery, checkDeliveries } from './base-delivery.js';
import type { ByteQuota } from './byte-quota.js';
import { checkIsOpen } from './check-is-open.js';
import type { CollectedHolds } from './collected-holds.js';
import type { DeliveryChannel } from './delivery-channel.js';
import { DropReports } from './drop-reports.js';
import type { Corkable, InboundMessage, MoveTarget, ThreadMemory } from './hooks.js';
import { LoopHolder } from './loop-holder.js';
import { counted, inBytes } from './words.js';

/** What every backend tells {@link BaseReceiver}, and the parts that it hands in. */
export interface BaseReceiverSettings {
  /** Those of the transport. */
  readonly capabilities: Capabilities;
  /** The other side in words, for errors: `senderAt(endpoint)`. */
  readonly sender?: string;
  /** Where the other side was found; for diagnostics. */
  readonly endpoint?: string;
  /** Watches how long this receiver holds the event loop. */
  readonly budget: LoopBudget;
  /** Where calls wait for messages, and for room. */
  readonly waits: Waits;
  /** How much the caller may hold. */
  readonly quota: ByteQuota;
  /** How much of that is left to the garbage collector: by default nothing. See {@link BaseReceiver.bytesForCollector}. */
  readonly collected?: CollectedHolds | undefined;
  /** Tells the sender what is given back. By default of each message at once. */
  readonly returns?: Corkable | undefined;
  /** See {@link BaseSenderSettings.spins}. */
  readonly spins?: boolean;
  /** See `ReceiverOptions.histograms`. Default: false. */
  readonly histograms?: boolean;
  /** Has whatever is watched keep the event loop alive, or stop it. By default nothing is watched. */
  readonly keepAlive?: (on: boolean) => void;
}

const NOTHING: WaitOptions = {};
const SPLICE_OPTIONS = ['signal', 'timeout', 'tee'] as const;
const END: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** How often a byte is copied into or out of user memory on its way; see {@link SpliceResult}. */
const USER_SPACE_COPIES: Readonly<Record<SpliceMethod, number>> = {
  splice: 0,
  write: 1,
  'read-write': 2,
};

/**
 * The receiving half of every backend: argument checks, lifecycle, the current message, delivery
 * accounting, order and waiting. A backend fills in the protected hooks.
 */
export abstract class BaseReceiver<M extends InboundMessage>
  extends LoopHolder
  implements Receiver
{
  readonly #capabilities: Capabilities;
  readonly #sender: string;
  readonly #endpoint: string | undefined;
  readonly #budget: LoopBudget;
  readonly #waits: Waits;
  readonly #quota: ByteQuota;
  readonly #collected: CollectedHolds | undefined;
  readonly #returns: Corkable | undefined;
  readonly #spins: number;
  readonly #measures: ReceiverMeasures | undefined;
  readonly #drops = new DropReports('delivery', () => this.closed);
  readonly #receiving = new SerialQueue(() => this.#onRoom?.());
  /** Ends whatever waits for a destination. */
  readonly #ending = new AbortController();
  /** The channel that this is one half of. */
  #channel: DeliveryChannel | undefined;
  /** How many look for answers, and who waits meanwhile. */
  #seekers = 0;
  readonly #followers = new Followers();
  /** True from when somebody looks for those who wait until none of them is left. */
  #seeksForFollowers = false;
  /** True while whoever looks for them lets others go on before its next look. */
  #isAboutToSeek = false;
  /** Called when a message that the caller might not have may be had. */
  #onRoom: (() => void) | undefined;
  // What `next` has returned, and nobody has got yet, lies in these places, in the order in which it came:
  //
  //   #current    the message that comes next, as soon as anybody has looked at it
  //   #early      messages behind it
  //   #arriving   the newest of all: a message, or an answer
  //
  // Without a channel there is only #current. The other two come of looking for an answer, which takes what is before
  // it. `next` goes on only where all that came before is whole: only the newest may be here in part, be it #current
  // (then the others are empty) or #arriving. So, once anything was taken behind it, #current is whole, as is all in
  // #early, and the quota counts both as held: what is behind must not take their room, or nobody could ever have
  // them. #arriving is not counted. It stays there until it is whole and there is room for it; if #current and #early
  // are empty before that, a message becomes #current, and an answer stays. While #isMoving, nobody looks for answers:
  // #current is in use.
  /** The message that comes next, if it was looked at and could not be handed over or moved on whole. */
  #current: M | undefined;
  /** How many bytes the quota counts for {@link #current}; `undefined` if it does not count it. */
  #currentHeld: number | undefined;
  /** Messages that came before an answer, which were taken early for its sake; whole. They count as held. */
  readonly #early: M[] = [];
  /** The newest message of a channel, if it was taken for the sake of an answer and is not here whole, or has no room. */
  #arriving: M | undefined;
  /** What {@link #next} has found, until it is delivered. One for all calls: `#receiving` lets them in one by one. */
  #found: M | 'end' | undefined;
  /** True while {@link move} is at work on the current message, and until what became of it is noted. */
  #isMoving = false;
  #moving: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;
  #ended = false;
  /** What the sender did wrong stays wrong. */
  #failure: PageferryError | undefined;
  #messagesReceived = 0;
  #bytesReceived = 0;
  #warnedOfDeliveries = false;

  protected constructor(settings: BaseReceiverSettings) {
    super('pageferry:Receiver', settings.keepAlive ?? (() => undefined));
    const { capabilities, sender = 'the sender', budget, waits, quota, spins } = settings;
    this.#capabilities = capabilities;
    this.#sender = sender;
    this.#budget = budget;
    this.#waits = waits;
    this.#quota = quota;
    this.#collected = settings.collected;
    this.#returns = settings.returns;
    this.#spins = spins ? SPINS_AT_ONCE : 0;
    this.#measures = settings.histograms ? new ReceiverMeasures() : undefined;
    this.#endpoint = settings.endpoint;
    // Soon: whether it is one half of a channel is not known yet.
    if (isWatched('pageferry:connect')) {
      clock.nextTick(() => publish('pageferry:connect', () => this.#peer));
    }
  }

  /**
   * The next message, whole or not, which is taken: it is not asked for again. `'end'` after an orderly
   * end; `undefined` while there is none.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  protected abstract next(): M | 'end' | undefined;
  /**
   * Brings what is left of a message, as far as it is here, into memory that the caller may hold. True once
   * all of it is in `message.bytes`; then the message is handed over.
   *
   * @param isNew true if {@link next} has just returned it: nothing can have happened to it.
   * @throws as {@link next}.
   */
  protected abstract gather(message: M, isNew: boolean): boolean;
  /**
   * Moves what is left of a message on without waiting, as far as that can be done at once. Never with
   * `target.teeFd`.
   *
   * @returns the method, once all of it has moved. A backend for which a promise a message is not dear
   *   always answers `undefined`, and has moved nothing.
   * @throws as {@link next}.
   */
  protected abstract tryMove(message: M, target: MoveTarget): SpliceMethod | undefined;
  /**
   * Moves what is left of a message on. After a failure, or once `signal` has fired, another call can go on
   * with the rest; nothing of the message is in use then.
   *
   * @throws `signal.reason`, and as {@link next}.
   */
  protected abstract move(
    message: M,
    target: MoveTarget,
    signal: AbortSignal,
  ): Promise<SpliceMethod>;
  /** Takes a message back that the caller has released, or that has moved on. Not called after `hangUp`. */
  protected abstract giveBack(message: M): void;
  /** The bytes of a message that is held, in an `ArrayBuffer` that nothing else has. Only with {@link BaseReceiverSettings.collected}. */
  protected bytesForCollector(_message: M): Bytes | undefined {
    return undefined;
  }
  /**
   * The rest of a message that is held, as other threads see it; `undefined` where they cannot. Ends the hold when all of
   * them are done.
   *
   * @throws `SYSTEM_CALL_FAILED`, and there is no such hold.
   */
  protected memoryForThreads(
    _message: M,
    _threads: number,
    _hold: Pick<Delivery, 'release'>,
  ): ThreadMemory | undefined {
    return undefined;
  }
  /** Frees everything. Called once; no `move` goes on any more. */
  protected abstract hangUp(): Promise<void>;

  /** See `ReceiverStats.sharedBytes`. By default the memory is this process's alone. */
  protected get sharedBytes(): number {
    return 0;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** True while calls of this receiver wait for their turn or for a message. */
  protected get callsWait(): boolean {
    return this.#receiving.busy;
  }

  /** True while calls wait for a message that they may not have before the caller releases others. */
  protected get holdsAll(): boolean {
    return this.#waitsFor() === 'release';
  }

  tryReceive(): Delivery | undefined {
    this.#checkOpen();
    if (this.#receiving.busy) return undefined;
    const message = this.#look();
    if (typeof message === 'object') return this.#deliver(message);
    // Who asks in a loop does not keep the other side from publishing.
    if (this.#spins > 0) pause();
    return undefined;
  }

  peek(): MessageInfo | undefined {
    this.#checkOpen();
    if (this.#receiving.busy) return undefined;
    const message = this.#head();
    if (typeof message !== 'object') return undefined;
    this.#current = message;
    const { byteLength, sequence, offset, tag } = message;
    return { byteLength, sequence, offset, tag };
  }

  // No async function, as some below: each takes as much memory as the rest of a message.
  receive(options: WaitOptions = NOTHING): Promise<Delivery | undefined> {
    try {
      this.#checkOpen();
      const found = this.#atOnce(options);
      if (found !== undefined) return Promise.resolve(found === 'end' ? undefined : found);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#inTurn(options, this.#next, this.#whyNothing);
  }

  async receiveMany(max: number, options: WaitOptions = NOTHING): Promise<readonly Delivery[]> {
    this.#checkOpen();
    checkInteger('max', max, 1);
    const found = this.#atOnce(options);
    if (found !== undefined) return found === 'end' ? [] : this.#withMore(found, max);
    const takeMany = async (signal?: AbortSignal): Promise<readonly Delivery[]> => {
      const first = await this.#next(signal);
      return first === undefined ? [] : this.#withMore(first, max);
    };
    return await this.#inTurn(options, takeMany, this.#whyNothing);
  }

  releaseMany(deliveries: readonly Delivery[]): void {
    const own = checkDeliveries<M>(deliveries, this);
    const returns = this.closed ? undefined : this.#returns;
    returns?.cork();
    try {
      for (const delivery of own) delivery.release();
    } finally {
      returns?.uncork();
    }
  }

  async spliceTo(
    destination: SpliceDestination,
    options: SpliceOptions = NOTHING,
  ): Promise<SpliceResult | undefined> {
    this.#checkOpen();
    const fd = checkDescriptor('destination', destination);
    const { tee, signal: given } = checkWaitOptions(options, SPLICE_OPTIONS);
    const teeFd = tee === undefined ? undefined : checkDescriptor('tee', tee);
    if (teeFd !== undefined && !this.#capabilities.tee) {
      throw new PageferryError('NOT_SUPPORTED', 'this transport cannot tee', { argument: 'tee' });
    }
    const target: MoveTarget = { fd, teeFd, destination };
    /** How far the message had come before this call. */
    let start: number | undefined;
    const moveAtOnce = (): SpliceResult | 'end' | undefined => {
      const message = this.#head();
      if (message === undefined || message === 'end') return message;
      this.#current = message;
      start ??= message.offset;
      const method = this.#remembering(() => this.tryMove(message, target), message, start);
      return method && this.#movedOn(message, start, method);
    };
    if (teeFd === undefined && !given?.aborted && this.#isFree()) {
      // The usual case without a detour: the message is here, and its destination takes it.
      const result = moveAtOnce();
      if (result !== undefined) return result === 'end' ? undefined : result;
    }
    const move = async (signal?: AbortSignal): Promise<SpliceResult | undefined> => {
      const result = teeFd === undefined ? moveAtOnce() : undefined;
      if (result !== undefined) return result === 'end' ? undefined : result;
      const message = await this.#nextToMove(signal);
      if (message === undefined) return undefined;
      start ??= message.offset;
      this.#isMoving = true;
      try {
        const moving = this.#moveWhole(message, target, start, signal);
        this.#moving = moving;
        return this.#movedOn(message, start, await moving);
      } finally {
        this.#isMoving = false;
        // Whoever waits for an answer has not looked meanwhile.
        this.wakeWaiting();
      }
    };
    return await this.#inTurn(options, move, () => this.#whyNotMoved(fd, teeFd));
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#hangUp();
      this.doneWaiting();
    }
    return this.#closing;
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery, undefined> {
    // No generator: that would cost three promises more for each message.
    let ended = false;
    const toResult = (delivery: Delivery | undefined): IteratorResult<Delivery, undefined> => {
      ended ||= delivery === undefined;
      return ended ? END : { value: delivery as Delivery, done: false };
    };
    return {
      next: () => {
        if (ended) return Promise.resolve(END);
        try {
          const delivery = this.#tryNext();
          if (delivery !== undefined) return Promise.resolve({ value: delivery, done: false });
        } catch (error) {
          return Promise.reject(error);
        }
        return this.receive().then(toResult);
      },
      return: () => {
        ended = true;
        return Promise.resolve(END);
      },
    };
  }

  stats(): ReceiverStats {
    return {
      messagesReceived: this.#messagesReceived,
      bytesReceived: this.#bytesReceived,
      deliveriesHeld: this.closed ? 0 : this.#quota.count - this.#keptCount(),
      bytesHeld: this.closed ? 0 : this.#quota.bytes - this.#keptBytes(),
      sharedBytes: this.closed ? 0 : this.sharedBytes,
      ...(this.#measures && { histograms: this.#measures.snapshot() }),
    };
  }

  /** The channel that this is one half of. For `BaseDelivery` only. */
  get joinedChannel(): DeliveryChannel | undefined {
    return this.#channel;
  }

  /** What the peer did wrong, or that it has died: nothing more comes. For `BaseChannel` only. */
  get peerFailure(): PageferryError | undefined {
    return this.#failure;
  }

  /** Has what is delivered from now on belong to a channel. For `BaseChannel` only. */
  joinChannel(channel: DeliveryChannel): void {
    this.#channel = channel;
  }

  /**
   * Has `onRoom` called when a message may be had that a look could not have before: something in its way was released
   * or moved on, or no other call is before it any more. For `BaseListener` only.
   */
  tellOfRoom(onRoom: () => void): void {
    this.#onRoom = onRoom;
  }

  /** True if the event loop is due for a turn. For `BaseChannel` only. */
  get mustWait(): boolean {
    return this.#budget.exhausted();
  }

  /** Looks a few times whether the answer to a question has come. For `BaseChannel` only. @throws as `receive`. */
  seekAtOnce(request: Sought): void {
    if (this.#isLookedFor()) return;
    const channel = this.#channel as DeliveryChannel;
    const spins = this.#waits.sharesProcessor ? 0 : this.#spins;
    for (let spin = spins; spin >= 0 && !request.isSettled && !this.closed; spin--) {
      if (this.#failure !== undefined || this.#seekAnswers(channel, request) === 'end') return;
      if (!request.isSettled) pause();
    }
  }

  /**
   * Looks once whether the answer to a question has come. For `BaseChannel` only.
   *
   * @returns `'end'` if no answer can come any more.
   * @throws as `receive`.
   */
  seekOnce(request: Sought): 'end' | undefined {
    if (this.closed) return undefined;
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.#seekAnswers(this.#channel as DeliveryChannel, request);
    // Who asks in a loop does not keep the other side from publishing.
    if (this.#spins > 0 && !request.isSettled) pause();
    return end;
  }

  /**
   * Takes in answers until `sought` is settled: also while other calls wait for messages. For `BaseChannel` only.
   *
   * @returns `'end'` if no answer can come any more.
   * @throws as `receive`.
   */
  seekAnswers(sought: Sought, signal: AbortSignal | undefined): Promise<'end' | undefined> {
    // One looks for all: if each did, every answer would have all of them look.
    return this.#isLookedFor() ? this.#followers.join(sought, signal) : this.#lead(sought, signal);
  }

  /** True if somebody looks for all answers. Who is parked does not. */
  #isLookedFor(): boolean {
    return this.#isAboutToSeek || (this.#seekers > 0 && this.#waits.polls !== false);
  }

  async #lead(sought: Sought, signal: AbortSignal | undefined): Promise<'end' | undefined> {
    this.#seekers++;
    try {
      return await this.#seekInTurn(sought, signal);
    } finally {
      this.#seekers--;
      if (this.#followers.count > 0 && !this.#seeksForFollowers) this.#seekForFollowers();
    }
  }

  /** Goes on where whoever has looked for all of them is done. */
  async #seekForFollowers(): Promise<void> {
    this.#seeksForFollowers = true;
    this.#seekers++;
    try {
      while (this.#followers.count > 0) {
        // Those who have an answer go on, before this one looks for the others'.
        this.#isAboutToSeek = true;
        await afterMicrotasks();
        this.#isAboutToSeek = false;
        const end = await this.#seekInTurn(this.#followers.some(), undefined);
        if (end !== undefined) this.#followers.tellEnd();
      }
    } catch (error) {
      this.#followers.fail(error);
    } finally {
      this.#seekers--;
      this.#seeksForFollowers = false;
    }
  }

  async #seekInTurn(sought: Sought, signal: AbortSignal | undefined): Promise<'end' | undefined> {
    const channel = this.#channel as DeliveryChannel;
    let end: 'end' | undefined;
    const seek = (): boolean => {
      if (sought.isSettled) return true;
      if (this.#failure !== undefined) throw this.#failure;
      end = this.#seekAnswers(channel, sought);
      return end !== undefined || sought.isSettled || sought.isBegun === true;
    };
    if (this.#budget.exhausted()) await lastInNextTurn();
    await this.#waits.until(seek, signal);
    return end;
  }

  /** Has all calls that wait look again. For `BaseChannel`, where a request is given up, and for this. */
  wakeWaiting(): void {
    if (this.#followers.count > 0) this.#followers.tellSettled();
    if (this.#waits.parked > 0) this.#waits.wake();
  }

  /** For `BaseDelivery` only. */
  leaveToCollector(delivery: BaseDelivery<M>): Bytes | undefined {
    const { message, byteLength, offset } = delivery;
    // Nothing has no memory, and what has moved on in part is rare.
    if (byteLength === 0 || offset > 0 || !this.#collected?.hasRoomFor(byteLength))
      return undefined;
    const bytes = this.bytesForCollector(message);
    if (bytes !== undefined) this.#collected.add(bytes.buffer, delivery);
    return bytes;
  }

  /** For `BaseDelivery` only. */
  shareWithThreads(delivery: BaseDelivery<M>, threads: number): SharedDelivery | undefined {
    const memory = this.memoryForThreads(delivery.message, threads, delivery);
    if (memory === undefined) return undefined;
    delivery.retain();
    const { sequence, tag, offset } = delivery;
    return { ...memory, sequence, tag, offset };
  }

  /** For `BaseDelivery` only. */
  releaseDelivery(delivery: BaseDelivery<M>): void {
    const makesRoom = this.#onRoom !== undefined && (this.#quota.isFull || this.#isAnyInTheWay());
    this.#quota.remove(delivery.byteLength);
    this.#measures?.end(delivery);
    if (this.closed) return;
    this.giveBack(delivery.message);
    // A receive may wait for this room.
    this.wakeWaiting();
    if (makesRoom) this.#onRoom?.();
  }

  /**
   * True if a call may be answered on the spot.
   *
   * @throws `INVALID_ARGUMENT`, and `ABORTED` for a signal that has fired.
   */
  #mayAnswerAtOnce(options: WaitOptions): boolean {
    if (options !== NOTHING) checkMayWait(options);
    return this.#isFree();
  }

  /** True if nobody is before a call, and the event loop is not due for a turn. */
  #isFree(): boolean {
    return !this.#receiving.busy && !this.#budget.exhausted();
  }

  /** The usual case without a detour: a message is here, or comes while this looks. */
  #atOnce(options: WaitOptions, spins = this.#spins): Delivery | 'end' | undefined {
    if (!this.#mayAnswerAtOnce(options)) return undefined;
    for (let spin = this.#waits.sharesProcessor ? 0 : spins; spin >= 0; spin--) {
      const message = this.#look();
      if (typeof message === 'object') return this.#deliver(message);
      if (message === 'end') return message;
      pause();
    }
    return undefined;
  }

  /** The next message where it can be had at once. */
  #tryNext(): Delivery | undefined {
    if (this.closed) return undefined;
    const found = this.#atOnce(NOTHING, 0);
    return found === 'end' ? undefined : found;
  }

  /** The message that comes next, be it whole or not. */
  #head(): M | 'end' | undefined {
    if (this.#channel !== undefined) return this.#headOfChannel(this.#channel);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#current ?? this.#nextNew();
  }

  #nextNew(): M | 'end' | undefined {
    try {
      const found = this.next();
      // `typeof` first: V8 calls a function to compare an object with a string.
      if (typeof found === 'string') this.#sawEnd();
      return found;
    } catch (error) {
      throw this.#remember(error);
    }
  }

  /** The next message if it is here, whole, and the caller may hold it. */
  #look(): M | 'end' | undefined {
    // Nothing is taken that may not be held: the sender may still replace it by something newer.
    if (this.#quota.isFull && this.#keptCount() === 0) return undefined;
    const wasNone = this.#current === undefined;
    const message = this.#head();
    if (typeof message !== 'object') return message;
    const isNew = wasNone && this.#current === undefined;
    let isWhole = false;
    try {
      const isHeld = this.#currentHeld !== undefined;
      const mayHold = isHeld || this.#quota.hasRoomFor(message.byteLength - message.offset);
      isWhole = mayHold && this.gather(message, isNew);
    } catch (error) {
      this.#current = message;
      throw this.#remember(error);
    }
    // Mostly it is new and whole, and nothing is stored: a young object in an old one is dear.
    if (!isWhole) this.#current = message;
    else if (!isNew) this.#forgetCurrent();
    return isWhole ? message : undefined;
  }

  /** As {@link #head}: answers that are before it go to whoever has asked. */
  #headOfChannel(channel: DeliveryChannel): M | 'end' | undefined {
    for (;;) {
      if (this.#early.length > 0 && this.#current === undefined) this.#takeFromEarly();
      if (this.#current !== undefined) return this.#current;
      // What had arrived is delivered before what went wrong afterwards is told.
      if (this.#failure !== undefined) throw this.#failure;
      const arriving = this.#arriving;
      const message = arriving ?? this.#nextNew();
      if (typeof message !== 'object') return message;
      if (!isAnswer(message.exchange)) {
        this.#arriving = undefined;
        this.#current = arriving;
        return message;
      }
      if (!this.#takeAnswer(message, channel)) return undefined;
    }
  }

  /**
   * Takes in answers until `sought` is settled. Messages that came before them are taken early, and wait for their own call, as far
   * as the caller may hold them. What came after the answer is left: it may be an error, and the answer be lost by it.
   *
   * @returns `'end'` if none can come any more.
   */
  #seekAnswers(channel: DeliveryChannel, sought: Sought): 'end' | undefined {
    for (;;) {
      // Each time: an answer wakes other calls, and one of them may have looked at the message that comes next.
      if (this.#isMoving || !this.#keepCurrent()) return undefined;
      const message = this.#arriving ?? this.#nextNew();
      if (typeof message !== 'object') return message;
      if (isAnswer(message.exchange)) {
        if (!this.#takeAnswer(message, channel) || sought.isSettled) return undefined;
      } else if (!this.#takeEarly(message)) {
        return undefined;
      }
    }
  }

  /** Hands an answer over. False if it is not here whole, or may not be held. */
  #takeAnswer(message: M, channel: DeliveryChannel): boolean {
    if (!this.#hasArrived(message)) return false;
    channel.takeAnswer(this.#deliver(message));
    // It may be another call's.
    this.wakeWaiting();
    return true;
  }

  /** Keeps a message for its own call. False if it is not here whole, or may not be held. */
  #takeEarly(message: M): boolean {
    if (!this.#hasArrived(message)) return false;
    this.#early.push(message);
    this.#quota.add(message.byteLength - message.offset);
    return true;
  }

  /** Has the quota count the message that comes next, before anything behind it is taken. False if that cannot be. */
  #keepCurrent(): boolean {
    const message = this.#current;
    if (message === undefined || this.#currentHeld !== undefined) return true;
    if (!this.#gatherWhole(message, false)) return false;
    this.#currentHeld = message.byteLength - message.offset;
    this.#quota.add(this.#currentHeld);
    return true;
  }

  /** The oldest of the messages that were taken early is the one that comes next. The quota counts it as before. */
  #takeFromEarly(): void {
    const message = this.#early.shift() as M;
    this.#current = message;
    this.#currentHeld = message.byteLength - message.offset;
  }

  /** Somebody has got the message that comes next. */
  #forgetCurrent(): void {
    this.#current = undefined;
    if (this.#currentHeld === undefined) return;
    this.#quota.remove(this.#currentHeld);
    this.#currentHeld = undefined;
  }

  /** How many messages the quota counts that nobody has got. */
  #keptCount(): number {
    return this.#early.length + (this.#currentHeld === undefined ? 0 : 1);
  }

  #keptBytes(): number {
    const early = this.#early.reduce((sum, { byteLength, offset }) => sum + byteLength - offset, 0);
    return early + (this.#currentHeld ?? 0);
  }

  /** True if something that was taken from the backend may wait for room, and all that came after it with it. */
  #isAnyInTheWay(): boolean {
    return this.#current !== undefined || this.#arriving !== undefined;
  }

  /** Brings the newest message here, as far as that goes at once. */
  #hasArrived(message: M): boolean {
    const isNew = this.#arriving === undefined;
    let isWhole = false;
    try {
      isWhole = this.#gatherWhole(message, isNew);
    } finally {
      // Mostly it is new and whole, and nothing is stored: a young object in an old one is dear.
      if (!isWhole) this.#arriving = message;
      else if (!isNew) this.#arriving = undefined;
    }
    return isWhole;
  }

  #gatherWhole(message: M, isNew: boolean): boolean {
    if (this.#quota.isFull) return false;
    if (!this.#quota.hasRoomFor(message.byteLength - message.offset)) return false;
    try {
      return this.gather(message, isNew);
    } catch (error) {
      throw this.#remember(error);
    }
  }

  #remember(error: unknown): unknown {
    if (!isPageferryError(error) || !error.code.startsWith('PEER_')) return error;
    if (this.#failure === undefined) this.#tellOfFailure(error);
    this.#failure = error;
    return error;
  }

  #tellOfFailure(error: PageferryError): void {
    if (error.code === 'PEER_MISBEHAVED') {
      publish('pageferry:cut-off', () => ({ ...named(this.#endpoint), reason: error }));
    }
    publish('pageferry:disconnect', () => ({ ...this.#peer, reason: error }));
  }

  #tellOfOrderlyEnd(): void {
    publish('pageferry:disconnect', () => this.#peer);
  }

  /** Whom diagnostics tell of. */
  get #peer(): PeerEvent {
    const { peer } = this.#channel ?? {};
    const side = this.#channel === undefined ? 'receiver' : 'channel';
    return { side, ...named(this.#endpoint), ...(peer === undefined ? {} : { peer }) };
  }

  #sawEnd(): void {
    // The other side of a channel may only have finished.
    if (!this.#ended && this.#channel === undefined) this.#tellOfOrderlyEnd();
    this.#ended = true;
    this.doneWaiting();
  }

  #inTurn<T>(
    options: WaitOptions,
    task: (signal?: AbortSignal) => Promise<T>,
    why: () => string,
  ): Promise<T> {
    return withDeadline(
      options,
      (signal) => this.#receiving.run(() => this.#afterTurn(task, signal), signal),
      why,
    );
  }

  /** Begins what may have to wait: in the next turn of the event loop, where that is due. */
  #afterTurn<T>(
    task: (signal?: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (this.#budget.exhausted()) {
      return lastInNextTurn().then(() => {
        this.#checkOpen();
        return task(signal);
      });
    }
    this.#checkOpen();
    return task(signal);
  }

  /** Waits for the next message. Only in turn: nothing else looks for one meanwhile. */
  readonly #next = (signal: AbortSignal | undefined): Promise<Delivery | undefined> => {
    // Who holds nothing cannot wait for itself.
    const forget = this.#quota.count === 0 ? undefined : eachSecond(() => this.#warnOfDeliveries());
    const noStall = tellOfStalls('receive', this.#endpoint, this.#whyStalled);
    const found = this.#waits.until(this.#lookForNext, signal).then(this.#deliverFound);
    if (forget === undefined && noStall === undefined) return found;
    return found.finally(() => {
      forget?.();
      noStall?.();
    });
  };

  // One of each for all calls: each that makes functions of its own costs more memory than a short message.
  readonly #lookForNext = (): boolean => {
    this.#found = this.#look();
    return this.#found !== undefined;
  };

  readonly #deliverFound = (): Delivery | undefined => {
    const message = this.#found;
    this.#found = undefined;
    return message === 'end' ? undefined : this.#deliver(message as M);
  };

  readonly #whyNothing = (): string => this.whyNothing();

  // Who waits for a message that nobody has sent is idle.
  readonly #whyStalled = (): string | undefined =>
    this.#waitsFor() === 'message' ? undefined : this.whyNothing();

  /** Why there is no delivery now, in words. */
  protected whyNothing(): string {
    const held = `${this.#heldInWords()} unreleased`;
    switch (this.#waitsFor()) {
      case 'release':
        return `this receiver holds all it may: ${held}`;
      case 'rest':
        return `a message from ${this.#sender} has not come whole`;
      default: {
        const none = `no message from ${this.#sender}`;
        return this.#quota.count === 0 ? none : `${none}; this receiver holds ${held}`;
      }
    }
  }

  #whyNotMoved(fd: number, teeFd: number | undefined): string {
    const none = `no message from ${this.#sender}`;
    const waitsFor = this.#waitsFor();
    if (waitsFor === 'message') return none;
    const fds = teeFd === undefined ? `descriptor ${fd}` : `descriptors ${fd} and ${teeFd}`;
    // Of a receiver that holds all it may it is not known whether there is one.
    if (waitsFor === 'release') return `${none}, or ${fds} did not take it whole`;
    return `${fds} did not take a message from ${this.#sender} whole`;
  }

  #heldInWords(): string {
    const { count, bytes } = this.#quota;
    return `${counted(count, 'delivery', 'deliveries')} (${inBytes(bytes)})`;
  }

  /** Says it once if a receive waits for what nobody but this program can do. */
  #warnOfDeliveries(): void {
    if (this.#warnedOfDeliveries || this.closed || this.#waitsFor() !== 'release') return;
    this.#warnedOfDeliveries = true;
    process.emitWarning(
      `a receive waits for this program itself: its receiver holds all it may, ${this.#heldInWords()} ` +
        'that were not released. release() them, or hold them with `using`; maxBorrowedBytes is the limit.',
      'PageferryWarning',
      'PAGEFERRY_DELIVERIES_HELD',
    );
  }

  /** The first delivery and those that can be had at once after it, `max` in all. */
  #withMore(first: Delivery, max: number): readonly Delivery[] {
    const deliveries = [first];
    try {
      while (deliveries.length < max) {
        const message = this.#look();
        if (typeof message !== 'object') break;
        deliveries.push(this.#deliver(message));
      }
    } catch {
      // What has arrived is delivered first; the next call throws the same error.
    }
    return deliveries;
  }

  async #nextToMove(signal: AbortSignal | undefined): Promise<M | undefined> {
    let found: M | 'end' | undefined;
    await this.#waits.until(() => {
      found = this.#head();
      // At once: whoever looks for an answer before this call goes on must not take what comes after it.
      if (typeof found === 'object') this.#current = found;
      return found !== undefined;
    }, signal);
    return found === 'end' ? undefined : found;
  }

  async #moveWhole(
    message: M,
    target: MoveTarget,
    start: number,
    signal: AbortSignal | undefined,
  ): Promise<SpliceMethod> {
    try {
      // There will be nothing to write, which would tell.
      if (message.byteLength === 0) checkIsOpen(target.fd);
      return await withEither(signal, this.#ending.signal, (stop) =>
        this.move(message, target, stop),
      );
    } catch (error) {
      throw this.#remember(withBytesTransferred(error, message.offset - start));
    }
  }

  #remembering<T>(step: () => T, message: M, start: number): T {
    try {
      return step();
    } catch (error) {
      throw this.#remember(withBytesTransferred(error, message.offset - start));
    }
  }

  #movedOn(message: M, start: number, method: SpliceMethod): SpliceResult {
    this.#forgetCurrent();
    if (this.#capabilities.zeroCopySplice && method !== 'splice') {
      publish('pageferry:fallback', () => ({ ...named(this.#endpoint), method }));
    }
    const byteLength = message.offset - start;
    this.#noteReceived(byteLength);
    this.giveBack(message);
    const { sequence, tag, exchange = 0 } = message;
    if (exchangeKind(exchange) === EXCHANGE.request) {
      this.#channel?.acknowledge(exchangeNumber(exchange));
    }
    // It may have been in the way of an answer, or of what a listener can have.
    this.wakeWaiting();
    this.#onRoom?.();
    return { byteLength, sequence, tag, method, userSpaceCopies: USER_SPACE_COPIES[method] };
  }

  async #hangUp(): Promise<void> {
    if (this.#channel !== undefined && this.#ended && this.#failure === undefined) {
      this.#tellOfOrderlyEnd();
    }
    const closed = new PageferryError('CLOSED', 'this receiver is closed');
    this.#ending.abort(closed);
    this.#waits.fail(closed);
    // Another thread may still use what is to be freed, and a message that has moved is given back.
    await this.#moving?.catch(() => undefined);
    await this.hangUp();
  }

  /** What a call that waits waits for; for the words of errors and warnings. */
  #waitsFor(): 'message' | 'rest' | 'release' {
    const message = this.#current;
    if (this.#quota.isFull) return 'release';
    if (message === undefined) return 'message';
    return this.#quota.hasRoomFor(message.byteLength - message.offset) ? 'rest' : 'release';
  }

  #deliver(message: M): BaseDelivery<M> {
    const byteLength = message.byteLength - message.offset;
    this.#noteReceived(byteLength);
    this.#quota.add(byteLength);
    const batch = this.#drops.add(byteLength);
    const delivery = new BaseDelivery(this, message, byteLength, batch);
    this.#measures?.begin(delivery);
    return delivery;
  }

  #noteReceived(byteLength: number): void {
    this.#messagesReceived++;
    this.#bytesReceived += byteLength;
    this.#measures?.received.add(byteLength);
  }

  #checkOpen(): void {
    if (this.closed) throw new PageferryError('CLOSED', 'this receiver is closed');
  }
}
