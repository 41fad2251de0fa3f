import { checkDescriptor } from '../check-descriptor.js';
import { checkInteger } from '../checks.js';
import type { Capabilities } from '../contract/capabilities.js';
import type {
  Delivery,
  Receiver,
  ReceiverStats,
  SpliceDestination,
  SpliceOptions,
  SpliceResult,
} from '../contract/receiver.js';
import type { WaitOptions } from '../contract/transport.js';
import { asyncDispose } from '../dispose.js';
import { PageferryError } from '../errors.js';
import { checkMayWait, checkWaitOptions, withDeadline } from '../waiting/deadline.js';
import { eachSecond } from '../waiting/each-second.js';
import { LoopBudget, nextTurn } from '../waiting/loop-budget.js';
import { Turnstile } from '../waiting/turnstile.js';
import { BaseDelivery } from './base-delivery.js';
import { DropReports } from './drop-reports.js';
import type { DeliveryMemory } from './hooks.js';
import { LoopHold } from './loop-hold.js';
import { counted, inBytes } from './words.js';

/** What every backend tells {@link BaseReceiver}. */
export interface BaseReceiverSettings {
  readonly capabilities: Capabilities;
  /** The other side in words, for errors: `senderAt(endpoint)`. */
  readonly sender?: string;
  /** How long the event loop may be held, in microseconds. */
  readonly spinMicroseconds: number;
}

const NOTHING: WaitOptions = {};
const SPLICE_OPTIONS = ['signal', 'timeout', 'tee'] as const;
const END: IteratorReturnResult<undefined> = { value: undefined, done: true };

/**
 * The receiving half of every backend: argument checks, lifecycle, delivery accounting, order and
 * waiting. A backend fills in the protected hooks.
 */
export abstract class BaseReceiver<M extends DeliveryMemory> implements Receiver {
  readonly #capabilities: Capabilities;
  readonly #sender: string;
  #moving: Promise<unknown> | undefined;
  readonly #hold = new LoopHold('pageferry:Receiver', (on) => this.keepAlive(on));
  /** Watches how long this receiver holds the event loop. */
  protected readonly budget: LoopBudget;
  readonly #drops = new DropReports('delivery', () => this.closed);
  readonly #receiving = new Turnstile();
  #closing: Promise<void> | undefined;
  #ended = false;
  #messagesReceived = 0;
  #bytesReceived = 0;
  #deliveriesHeld = 0;
  #bytesHeld = 0;
  #warnedOfDeliveries = false;

  protected constructor(settings: BaseReceiverSettings) {
    this.#capabilities = settings.capabilities;
    this.#sender = settings.sender ?? 'the sender';
    this.budget = new LoopBudget(settings.spinMicroseconds);
  }

  /** See `BaseSender.looks`. */
  protected get looks(): number {
    return 0;
  }

  /**
   * The next message if it is here, whole; `'end'` after an orderly end; `undefined` otherwise.
   * Keeps what it has gathered of a message that is not whole yet.
   *
   * @throws `PEER_DIED`, `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`; the same each time.
   */
  protected abstract poll(): M | 'end' | undefined;
  /** Resolves when `ready` is true; rejects with what it throws, `signal.reason`, or `CLOSED`. */
  protected abstract waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void>;
  /** Takes back the memory of a delivery. Not called after `hangUp`. */
  protected abstract giveBack(memory: M): void;
  /**
   * Moves the next message, or the rest of one, to `fd`. Resolves to `undefined` at the end.
   *
   * @param teeFd a pipe that gets the same bytes too; only with the capability `tee`.
   * @param bytesMoved what {@link tryMoveTo} has moved already in the same call.
   * @param destination what the caller passed, for backends that remember what it is.
   */
  protected abstract moveTo(
    fd: number,
    teeFd: number | undefined,
    signal: AbortSignal | undefined,
    bytesMoved: number,
    destination: SpliceDestination,
  ): Promise<SpliceResult | undefined>;
  /**
   * Moves the next message without waiting, if it can be done at once. A backend for which a
   * promise a message is dear implements it.
   *
   * @param destination what the caller passed, for backends that remember what it is.
   * @returns the result; `'end'`; or how many bytes it moved before it would have had to wait.
   */
  protected tryMoveTo(_fd: number, _destination: SpliceDestination): SpliceResult | 'end' | number {
    return 0;
  }
  /**
   * What a call that waits waits for: a message; the rest of the one that has begun to come; or, though
   * one is here, that the caller releases deliveries. For the words of errors and warnings.
   */
  protected waitsFor(): 'message' | 'rest' | 'release' {
    return 'message';
  }
  /** Whether what this receiver watches keeps the event loop alive. It does until this is called. */
  protected keepAlive(_on: boolean): void {}
  /** Frees everything. Pending waits must reject with `CLOSED`. Called once. */
  protected abstract hangUp(): Promise<void>;
  /**
   * Resolves once the last `moveTo` is over, however it ended. For `hangUp`, in backends where it uses on
   * another thread what is to be freed: make it end first.
   */
  protected async moveIsOver(): Promise<void> {
    await this.#moving?.catch(() => undefined);
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

  tryReceive(): Delivery | undefined {
    this.#checkOpen();
    if (this.#receiving.busy) return undefined;
    const message = this.#look();
    return typeof message === 'object' ? this.#deliver(message) : undefined;
  }

  async receive(options: WaitOptions = NOTHING): Promise<Delivery | undefined> {
    this.#checkOpen();
    const found = this.#atOnce(options);
    if (found !== undefined) return found === 'end' ? undefined : found;
    return await this.#inTurn(
      options,
      (signal) => this.#next(signal),
      () => this.whyNothing(),
    );
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
    return await this.#inTurn(options, takeMany, () => this.whyNothing());
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
    let moved = 0;
    if (teeFd === undefined && !given?.aborted && this.#isFree()) {
      // The usual case without a detour: the message is here, and its destination takes it.
      const outcome = this.tryMoveTo(fd, destination);
      if (typeof outcome !== 'number') return this.#movedOn(outcome);
      moved = outcome;
    }
    const move = async (signal?: AbortSignal): Promise<SpliceResult | undefined> => {
      if (teeFd === undefined) {
        const outcome = this.tryMoveTo(fd, destination);
        if (typeof outcome !== 'number') return this.#movedOn(outcome, moved);
        moved += outcome;
      }
      const moving = this.moveTo(fd, teeFd, signal, moved, destination);
      this.#moving = moving;
      const result = await moving;
      return this.#movedOn(result ?? 'end');
    };
    return await this.#inTurn(options, move, () => this.#whyNotMoved(fd, teeFd));
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.hangUp();
      this.#hold.end();
    }
    return this.#closing;
  }

  ref(): this {
    this.#hold.set(true);
    return this;
  }

  unref(): this {
    this.#hold.set(false);
    return this;
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
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
      deliveriesHeld: this.closed ? 0 : this.#deliveriesHeld,
      bytesHeld: this.closed ? 0 : this.#bytesHeld,
    };
  }

  /** For `BaseDelivery` only. */
  releaseDelivery(delivery: BaseDelivery<M>): void {
    this.#deliveriesHeld--;
    this.#bytesHeld -= delivery.byteLength;
    if (!this.closed) this.giveBack(delivery.memory);
  }

  /** For `BaseDelivery` only. */
  deliveryReturned(delivery: BaseDelivery<M>): void {
    this.#drops.remove(delivery);
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
    return !this.#receiving.busy && !this.budget.exhausted();
  }

  /** The usual case without a detour: a message is here, or comes while this looks. */
  #atOnce(options: WaitOptions, looks = this.looks): Delivery | 'end' | undefined {
    if (!this.#mayAnswerAtOnce(options)) return undefined;
    for (let look = looks; look >= 0; look--) {
      const message = this.#look();
      if (typeof message === 'object') return this.#deliver(message);
      if (message === 'end') return message;
    }
    return undefined;
  }

  /** The next message where it can be had at once. */
  #tryNext(): Delivery | undefined {
    if (this.closed) return undefined;
    const found = this.#atOnce(NOTHING, 0);
    return found === 'end' ? undefined : found;
  }

  #look(): M | 'end' | undefined {
    const found = this.poll();
    if (found === 'end') this.#sawEnd();
    return found;
  }

  #sawEnd(): void {
    this.#ended = true;
    this.#hold.end();
  }

  #inTurn<T>(
    options: WaitOptions,
    task: (signal?: AbortSignal) => Promise<T>,
    why: () => string,
  ): Promise<T> {
    const inTurn = (signal: AbortSignal | undefined): Promise<T> =>
      this.#receiving.pass(async () => {
        if (this.budget.exhausted()) await nextTurn();
        this.#checkOpen();
        return await task(signal);
      }, signal);
    return withDeadline(options, inTurn, why);
  }

  async #next(signal: AbortSignal | undefined): Promise<Delivery | undefined> {
    let message: M | 'end' | undefined;
    // Who holds nothing cannot wait for itself.
    const forget =
      this.#deliveriesHeld === 0 ? undefined : eachSecond(() => this.#warnOfDeliveries());
    try {
      await this.waitUntil(() => {
        message = this.#look();
        return message !== undefined;
      }, signal);
    } finally {
      forget?.();
    }
    return message === 'end' ? undefined : this.#deliver(message as M);
  }

  /** Why there is no delivery now, in words. */
  protected whyNothing(): string {
    const held = `${this.#heldInWords()} unreleased`;
    switch (this.waitsFor()) {
      case 'release':
        return `this receiver holds all it may: ${held}`;
      case 'rest':
        return `a message from ${this.#sender} has not come whole`;
      default: {
        const none = `no message from ${this.#sender}`;
        return this.#deliveriesHeld === 0 ? none : `${none}; this receiver holds ${held}`;
      }
    }
  }

  #whyNotMoved(fd: number, teeFd: number | undefined): string {
    const none = `no message from ${this.#sender}`;
    const waitsFor = this.waitsFor();
    if (waitsFor === 'message') return none;
    const fds = teeFd === undefined ? `descriptor ${fd}` : `descriptors ${fd} and ${teeFd}`;
    // Of a receiver that holds all it may it is not known whether there is one.
    if (waitsFor === 'release') return `${none}, or ${fds} did not take it whole`;
    return `${fds} did not take a message from ${this.#sender} whole`;
  }

  #heldInWords(): string {
    const deliveries = counted(this.#deliveriesHeld, 'delivery', 'deliveries');
    return `${deliveries} (${inBytes(this.#bytesHeld)})`;
  }

  /** Says it once if a receive waits for what nobody but this program can do. */
  #warnOfDeliveries(): void {
    if (this.#warnedOfDeliveries || this.closed || !this.#holdsAll()) return;
    this.#warnedOfDeliveries = true;
    process.emitWarning(
      `a receive waits for this program itself: its receiver holds all it may, ${this.#heldInWords()} ` +
        'that were not released. release() them, or hold them with `using`; maxBorrowedBytes is the limit.',
      'PageferryWarning',
      'PAGEFERRY_DELIVERIES_HELD',
    );
  }

  #holdsAll(): boolean {
    try {
      return this.waitsFor() === 'release';
    } catch {
      return false; // It is the wait that tells of a sender that is gone.
    }
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

  #movedOn(result: SpliceResult | 'end', before = 0): SpliceResult | undefined {
    if (result === 'end') {
      this.#sawEnd();
      return undefined;
    }
    const byteLength = result.byteLength + before;
    this.#messagesReceived++;
    this.#bytesReceived += byteLength;
    return before === 0 ? result : { ...result, byteLength };
  }

  #deliver(memory: M): BaseDelivery<M> {
    const byteLength = memory.bytes.length;
    this.#messagesReceived++;
    this.#bytesReceived += byteLength;
    this.#deliveriesHeld++;
    this.#bytesHeld += byteLength;
    const delivery = new BaseDelivery(this, memory);
    this.#drops.add(delivery);
    return delivery;
  }

  #checkOpen(): void {
    if (this.closed) throw new PageferryError('CLOSED', 'this receiver is closed');
  }
}
