import { noteUnsent } from '../channel/unsent.js';
import {
  checkBytes,
  checkInteger,
  checkMessageLength,
  checkTag,
  inheritedDescriptor,
  invalidArgument,
} from '../checks.js';
import type { Capabilities } from '../contract/capabilities.js';
import type { AttachedDescriptor, ReceivedDescriptor } from '../contract/descriptors.js';
import type { Inspection } from '../contract/inspection.js';
import type {
  Loan,
  ReceiverEvent,
  ReceiverInfo,
  SendDescriptorsOptions,
  Sender,
  SenderStats,
  SendOptions,
  SendOutcome,
} from '../contract/sender.js';
import type { WaitOptions } from '../contract/transport.js';
import { SenderMeasures } from '../diagnostics/measures.js';
import { named, publish } from '../diagnostics/publish.js';
import { tellOfStalls } from '../diagnostics/stalls.js';
import { PageferryError } from '../errors.js';
import { checkOptions } from '../options.js';
import { clock } from '../waiting/clock.js';
import { checkMayWait, checkWaitOptions, withDeadline } from '../waiting/deadline.js';
import { eachSecond } from '../waiting/each-second.js';
import { type LoopBudget, nextTurn } from '../waiting/loop-budget.js';
import { pause } from '../waiting/pause.js';
import { SerialQueue } from '../waiting/serial-queue.js';
import { SPINS_AT_ONCE } from '../waiting/spin-policy.js';
import { toldToCaller } from '../waiting/told-to-caller.js';
import type { Waits } from '../waiting/waits.js';
import { checkAttached, duplicateAll } from './attaching.js';
import { BaseLoan } from './base-loan.js';
import { ConnectionFailures } from './connection-failures.js';
import { COPIED_AT_ONCE, copyAtOnce, copyInPieces, lengthOf } from './copy.js';
import { DropReports } from './drop-reports.js';
import type { AcceptOutcome, LoanMemory, Outbox, SendMethod } from './hooks.js';
import type { Lending } from './lent-by.js';
import { LoopHolder } from './loop-holder.js';
import { Presence } from './presence.js';
import { checkLoans, SendBatch } from './send-batch.js';
import { counted, inBytes, whoIsBehind } from './words.js';

/** What every backend tells {@link BaseSender}, and the parts that it hands in. */
export interface BaseSenderSettings<M extends LoanMemory> {
  /** As it was asked for. */
  readonly endpoint: string;
  /** Those of the transport. */
  readonly capabilities: Capabilities;
  /** How many bytes may be out, for the words of errors. Unknown by default. */
  readonly poolBytes?: number;
  /** How many receivers there can be. Default: as many as the transport can serve. */
  readonly maxReceivers?: number;
  /** Watches how long this sender holds the event loop. */
  readonly budget: LoopBudget;
  /** Where calls wait for room, for receivers, and for what is under way. */
  readonly waits: Waits;
  /** The memory that is lent, and those whom it is delivered to. */
  readonly outbox: Outbox<M>;
  /**
   * Asked while nobody is connected. By default somebody may always come.
   *
   * @throws `PEER_DIED` if nobody can come any more.
   */
  readonly checkMayCome?: () => void;
  /** Who is told of receivers that join and leave. By default there are none. */
  readonly presence?: Presence;
  /** Where connections are noted that this process has ended. By default there are none. */
  readonly failures?: ConnectionFailures;
  /** How payload leaves, for `Sender.stats`. */
  readonly method: SendMethod;
  /**
   * Whether to look again a few times before a call gets into line to wait: for a transport where the other
   * side can change the answer at any moment, in less time than it takes to wait. See `SPINS_AT_ONCE`.
   */
  readonly spins?: boolean;
  /** See `SenderOptions.histograms`. Default: false. */
  readonly histograms?: boolean;
  /** What calls throw once it is closed, in words. */
  readonly whyClosed?: string;
  /** Has whatever is watched keep the event loop alive, or stop it. By default nothing is watched. */
  readonly keepAlive?: (on: boolean) => void;
}

const NOTHING: WaitOptions = {};
const NO_BYTES = new Uint8Array(0);
const SEND_OPTIONS = ['signal', 'timeout', 'tag'] as const;
const SENT: Promise<SendOutcome> = Promise.resolve('sent');
const NO_RECEIVER: Promise<SendOutcome> = Promise.resolve('no-receiver');

/** What became of a message that was offered; `left` if it is gone already. */
type Offered = AcceptOutcome | 'left';

/**
 * The sending half of every backend: argument checks, lifecycle, loan accounting, order and waiting.
 *
 * A backend hands in its outbox, which answers what is possible now, and is asked again when something has
 * changed. What is left are the ends of a sender.
 */
export abstract class BaseSender<M extends LoanMemory>
  extends LoopHolder
  implements Sender, Lending
{
  readonly endpoint: string;
  readonly #capabilities: Capabilities;
  readonly #poolBytes: number | undefined;
  readonly #maxReceivers: number;
  readonly #budget: LoopBudget;
  readonly #waits: Waits;
  readonly #outbox: Outbox<M>;
  readonly #presence: Presence;
  readonly #failures: ConnectionFailures;
  readonly #checkMayCome: (() => void) | undefined;
  readonly #method: SendMethod;
  readonly #whyClosed: string;
  readonly #spins: number;
  readonly #measures: SenderMeasures | undefined;
  readonly #drops = new DropReports('loan', () => this.closed);
  readonly #borrowing = new SerialQueue();
  readonly #sending = new SerialQueue();
  /** Why the calls that wait now do so, in words that are made when somebody asks. */
  readonly #waiting = new Set<() => string>();
  /** False from the beginning of either end. */
  #isOpen = true;
  #closing: Promise<void> | undefined;
  #abandoning: Promise<void> | undefined;
  #messagesSent = 0;
  #bytesSent = 0;
  #loansHeld = 0;
  #warnedOfLoans = false;
  /** Called when a loan was released unsent. For `BaseChannel` only. */
  onLoanReleased: (() => void) | undefined;

  protected constructor(settings: BaseSenderSettings<M>) {
    super('pageferry:Sender', settings.keepAlive ?? (() => undefined));
    this.endpoint = settings.endpoint;
    const { capabilities, maxReceivers = capabilities.maxReceivers } = settings;
    this.#capabilities = capabilities;
    this.#poolBytes = settings.poolBytes;
    // Nobody but the one at the other end can come.
    this.#maxReceivers = inheritedDescriptor(settings.endpoint) === undefined ? maxReceivers : 1;
    this.#budget = settings.budget;
    this.#waits = settings.waits;
    this.#outbox = settings.outbox;
    this.#presence = settings.presence ?? new Presence();
    this.#failures = settings.failures ?? new ConnectionFailures();
    this.#checkMayCome = settings.checkMayCome;
    this.#method = settings.method;
    this.#whyClosed = settings.whyClosed ?? 'this sender is closed';
    this.#spins = settings.spins ? SPINS_AT_ONCE : 0;
    this.#measures = settings.histograms ? new SenderMeasures() : undefined;
    this.#failures.endpoint = this.endpoint;
    const { method, methodReason } = settings.method;
    if (methodReason !== undefined) {
      publish('pageferry:fallback', () => ({
        ...named(this.endpoint),
        method,
        reason: methodReason,
      }));
    }
  }

  /** Tells receivers, behind everything that was accepted, that nothing more comes. May be done in `end`. */
  protected announceEnd(): void {
    // Told at the end.
  }
  /**
   * Frees everything.
   *
   * @param inOrder true once everything has left: the receivers are told. False for an immediate end, at most
   *   once, possibly after or while the other one runs.
   */
  protected abstract end(inOrder: boolean): Promise<void>;

  get closed(): boolean {
    return !this.#isOpen;
  }

  get receivers(): readonly ReceiverInfo[] {
    return this.closed ? [] : this.#listReceivers();
  }

  tryLoan(byteLength: number): Loan | undefined {
    this.#checkOpen();
    checkMessageLength(byteLength, this.#capabilities.maxMessageBytes);
    return this.#borrowing.busy ? undefined : this.#lend(byteLength);
  }

  // No async function: it takes as much memory as the rest of a loan.
  loan(byteLength: number, options: WaitOptions = NOTHING): Promise<Loan> {
    try {
      if (options !== NOTHING) checkMayWait(options);
      // As in `sendLoan`: it is lent before the turn that is due.
      const isDue = this.#budget.exhausted();
      for (let spin = isDue ? 0 : this.#spins; spin >= 0; spin--) {
        const loan = this.tryLoan(byteLength);
        if (loan !== undefined) return isDue ? this.#afterTurn(loan) : Promise.resolve(loan);
        pause();
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return withDeadline(
      options,
      (signal) => this.#borrowInTurn(byteLength, signal, (loan) => loan),
      () => this.#whyNoRoom(byteLength),
    );
  }

  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome> {
    try {
      const outcome = options === undefined ? this.#sendAtOnce(bytes) : undefined;
      if (outcome !== undefined) return outcome;
    } catch (error) {
      return Promise.reject(toldToCaller(error, undefined, this.send));
    }
    return this.sendWith(bytes, options);
  }

  /**
   * As {@link send}. For `BaseChannel` only.
   *
   * @param exchange what the message asks or answers; 0 if nothing.
   * @param onLoan gets the loan, before it is sent.
   * @throws what `isUnsent` knows if nothing was sent.
   */
  sendWith(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options: SendOptions = NOTHING,
    exchange = 0,
    onLoan?: (loan: BaseLoan<M>) => void,
  ): Promise<SendOutcome> {
    const prepare = (loan: BaseLoan<M>): void => {
      loan.exchange = exchange;
      onLoan?.(loan);
    };
    return this.#sendCopy(bytes, options, prepare);
  }

  async #sendCopy(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options: SendOptions,
    prepare: (loan: BaseLoan<M>) => void,
  ): Promise<SendOutcome> {
    let lent: BaseLoan<M> | undefined;
    let isSent = false;
    try {
      const pieces = checkBytes('bytes', bytes);
      const { tag = 0 } = checkWaitOptions(options, SEND_OPTIONS);
      checkTag(tag);
      const byteLength = lengthOf(pieces);
      /** What of it does not wait is done when this returns. */
      const sendLent = async (
        loan: BaseLoan<M>,
        signal: AbortSignal | undefined,
      ): Promise<SendOutcome> => {
        lent = loan;
        try {
          loan.tag = tag;
          prepare(loan);
          if (this.#sending.busy || !copyAtOnce(loan, pieces)) {
            // Whoever comes while this one copies must not overtake it.
            return await this.#copyAndSend(loan, pieces, signal);
          }
          // As in `sendLoan`: it leaves before the turn that is due.
          const isDue = this.#budget.exhausted();
          const offered = this.#offerAtOnce(loan, isDue ? 0 : this.#spins);
          if (offered === 'full' || offered === 'sent') {
            return await this.#sendInTurn(loan, offered, signal);
          }
          if (isDue) await nextTurn();
          return offered === 'left' ? 'sent' : offered;
        } finally {
          isSent = !loan.held;
          loan.release();
        }
      };
      const sendCopy = async (signal: AbortSignal | undefined): Promise<SendOutcome> => {
        const atOnce = this.tryLoan(byteLength) as BaseLoan<M> | undefined;
        if (atOnce !== undefined) return await sendLent(atOnce, signal);
        // Until it is on its way nobody who comes later gets memory, and is before it.
        const { sending } = await this.#borrowInTurn(byteLength, signal, (loan) => ({
          sending: sendLent(loan, signal),
        }));
        return await sending;
      };
      // One limit for all of it: the wait for memory, the copy, and the way out.
      return await withDeadline(options, sendCopy, () =>
        lent === undefined ? this.#whyNoRoom(byteLength) : this.#whyNotSent(lent),
      );
    } catch (error) {
      throw isSent ? error : noteUnsent(error);
    }
  }

  /** The usual case without a detour: there are memory and room. `undefined` if there are not, and nothing was sent. */
  #sendAtOnce(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
  ): Promise<SendOutcome> | undefined {
    const loan = this.#lendCopy(bytes);
    if (loan === undefined) return undefined;
    try {
      // As in `sendLoan`: it leaves before the turn that is due.
      const isDue = this.#budget.exhausted();
      const offered = this.#offerAtOnce(loan, isDue ? 0 : this.#spins);
      if (offered === 'full') return undefined;
      return this.#told(loan, offered, isDue, NOTHING);
    } finally {
      loan.release();
    }
  }

  /**
   * As {@link trySendLoan}, with a copy of `bytes`. For `BaseChannel` only.
   *
   * @returns `'full'` also where the copy would take long.
   * @throws as {@link send}.
   */
  trySendCopy(bytes: ArrayBufferView | readonly ArrayBufferView[], exchange: number): SendOutcome {
    const loan = this.#lendCopy(bytes);
    if (loan === undefined) return 'full';
    try {
      return this.trySendLoan(loan, exchange);
    } finally {
      loan.release();
    }
  }

  /** A copy of `bytes` that could be sent now; `undefined` if it would have to wait, or take longer. */
  #lendCopy(bytes: ArrayBufferView | readonly ArrayBufferView[]): BaseLoan<M> | undefined {
    const pieces = checkBytes('bytes', bytes);
    const byteLength = lengthOf(pieces);
    if (byteLength > COPIED_AT_ONCE || this.#sending.busy) return undefined;
    const loan = this.tryLoan(byteLength) as BaseLoan<M> | undefined;
    if (loan === undefined) return undefined;
    try {
      copyAtOnce(loan, pieces);
      return loan;
    } catch (error) {
      loan.release();
      throw error;
    }
  }

  async sendDescriptors(
    descriptors: readonly AttachedDescriptor[],
    given: SendDescriptorsOptions = NOTHING,
  ): Promise<SendOutcome> {
    this.#checkOpen();
    const { bytes = NO_BYTES, ...options } = checkOptions(given);
    let duplicates = this.#duplicate('descriptors', descriptors, 0);
    try {
      return await this.#sendCopy(bytes, options, ({ memory }) => {
        this.#outbox.attach?.(memory, duplicates);
        duplicates = [];
      });
    } finally {
      for (const duplicate of duplicates) duplicate.close();
    }
  }

  /** For `BaseLoan` only. */
  attachToLoan({ memory }: BaseLoan<M>, descriptors: readonly AttachedDescriptor[]): void {
    const duplicates = this.#duplicate('descriptor', descriptors, memory.attachedCount ?? 0);
    this.#outbox.attach?.(memory, duplicates);
  }

  /** @param before how many are attached already. */
  #duplicate(
    argument: string,
    descriptors: readonly AttachedDescriptor[],
    before: number,
  ): readonly ReceivedDescriptor[] {
    const fds = checkAttached(argument, descriptors, before, this.#capabilities.maxDescriptors);
    return duplicateAll(fds, this.#outbox);
  }

  /**
   * Passes a loan of this sender that is owned. For `BaseChannel` only.
   *
   * @param argument what it was passed as.
   * @throws `INVALID_ARGUMENT` for one of another sender, `LOAN_NOT_OWNED`, `CLOSED`, `BYTES_DETACHED`.
   */
  checkOwnLoan(loan: Loan, argument: string): BaseLoan<LoanMemory> {
    if (!this.hasLent(loan)) {
      throw invalidArgument(argument, loan, 'a loan of this side of the channel');
    }
    loan.checkOwned();
    if (loan.exchange !== 0) {
      throw new PageferryError(
        'LOAN_NOT_OWNED',
        'this loan waits to be sent already, as a request or as an answer',
      );
    }
    return loan;
  }

  /** See `Lending`. */
  hasLent(loan: Loan): loan is BaseLoan<M> {
    return loan instanceof BaseLoan && loan.isOf(this);
  }

  /** A loan that was sent is the caller's again. For `BaseAnyChannel` only. */
  lendAgain(loan: BaseLoan<M>): void {
    this.#loansHeld++;
    loan.lendAgain(this.#drops.add(loan.byteLength));
  }

  /** Sends memory that another sender has lent, out of the same pool. For `BaseChannel` only. */
  acceptMemory(memory: M, byteLength: number, tag: number, exchange: number): AcceptOutcome {
    if (this.closed) return 'no-receiver';
    const outcome = this.#outbox.accept(memory, byteLength, tag, exchange);
    if (outcome === 'sent') this.#noteSent(byteLength);
    return outcome;
  }

  /**
   * Sends memory that the outbox has not lent, as `Loan.send` would. What is not accepted goes to `Outbox.free`. For
   * backends with senders of the kind `InPlaceSender`.
   *
   * @throws as `Sender.loan` and `Loan.send`.
   */
  protected async sendMemory(memory: M, options: SendOptions = NOTHING): Promise<SendOutcome> {
    this.#checkOpen();
    const { tag = 0, ...limits } = options;
    checkTag(tag);
    checkWaitOptions(limits);
    const { length } = memory.bytes;
    checkMessageLength(length, this.#capabilities.maxMessageBytes);
    this.#loansHeld++;
    const loan = new BaseLoan(this, memory, length, this.#drops.add(length));
    try {
      loan.tag = tag;
      return await this.sendLoan(loan, limits);
    } finally {
      loan.release();
    }
  }

  /** Whether everything that was accepted has left, after a look. For `BaseChannel` only. */
  get hasLeft(): boolean {
    return this.closed || this.#hasLeft();
  }

  async sendMany(loans: readonly Loan[], options: WaitOptions = NOTHING): Promise<SendOutcome> {
    this.#checkOpen();
    const own = checkLoans<M>(loans, this);
    checkWaitOptions(options);
    const batch = new SendBatch(own, this.#outbox, (loan) => this.#offer(loan));
    const sendAll = async (signal: AbortSignal | undefined): Promise<SendOutcome> => {
      if (this.#budget.exhausted()) await nextTurn();
      await this.#untilThereIsRoom(() => batch.offer(), signal);
      if (batch.outcome === 'sent') await this.#waits.until(() => this.#hasLeft(), signal);
      return batch.outcome;
    };
    return await withDeadline(
      options,
      (signal) => this.#sending.run(() => sendAll(signal), signal),
      () => (batch.next === undefined ? this.#whyNotLeft() : this.#whyNotSent(batch.next)),
    );
  }

  async waitForReceivers(count = 1, options: WaitOptions = NOTHING): Promise<void> {
    this.#checkOpen();
    checkInteger('count', count, 0, this.#maxReceivers);
    checkWaitOptions(options);
    await withDeadline(
      options,
      (signal) => this.#waits.until(() => count === 0 || this.#countReceivers() >= count, signal),
      () => `${this.#countReceivers()} of ${counted(count, 'receiver')} connected${this.#place()}`,
    );
  }

  async flush(options: WaitOptions = NOTHING): Promise<void> {
    this.#checkOpen();
    checkWaitOptions(options);
    await withDeadline(
      options,
      (signal) => this.#waits.until(() => this.#isIdle(), signal),
      () => `not everything has come back: ${whoIsBehind(this.#listReceivers())}`,
    );
  }

  async close(options: WaitOptions = NOTHING): Promise<void> {
    checkWaitOptions(options);
    if (this.#closing === undefined) {
      this.#isOpen = false;
      this.#presence.end();
      this.#closing = this.#closeInOrder(options);
      // Calls that wait for a loan, or to be accepted, learn of it now.
      this.#waits.wake();
    }
    return this.#closing;
  }

  destroy(): Promise<void> {
    if (this.#abandoning === undefined) {
      this.#isOpen = false;
      this.#presence.end();
      this.#abandoning = this.#end(false);
      this.doneWaiting();
    }
    return this.#abandoning;
  }

  on(event: ReceiverEvent, listener: (receiver: ReceiverInfo) => void): this {
    this.#presence.on(event, listener);
    return this;
  }

  off(event: ReceiverEvent, listener: (receiver: ReceiverInfo) => void): this {
    this.#presence.off(event, listener);
    return this;
  }

  stats(): SenderStats {
    const failures = this.#failures;
    return {
      messagesSent: this.#messagesSent,
      bytesSent: this.#bytesSent,
      loansHeld: this.closed ? 0 : this.#loansHeld,
      bytesOut: this.closed ? 0 : this.#currentBytesOut(),
      sharedBytes: this.sharedBytes,
      ...(this.#measures && { histograms: this.#measures.snapshot() }),
      connectionsFailed: failures.count,
      ...(failures.count === 0 ? {} : { connectionFailure: failures.last }),
      ...this.#method,
    };
  }

  /** What this sender tells of itself to who inspects it. For backends only. */
  inspect(): Inspection {
    const { messagesSent, bytesSent, loansHeld, bytesOut, sharedBytes, connectionsFailed } =
      this.stats();
    const receivers = this.receivers;
    return {
      schema: 1,
      side: 'sender',
      endpoint: this.endpoint,
      pid: process.pid,
      at: clock.now(),
      counters: { messagesSent, bytesSent, loansHeld, bytesOut, sharedBytes, connectionsFailed },
      waitsFor: [...this.#waiting].map((why) => why()),
      peerCount: receivers.length,
      peers: receivers.map(({ credentials, ...info }) => ({
        ...info,
        pid: credentials?.pid,
        uid: credentials?.uid,
      })),
    };
  }

  /** See {@link SenderStats.sharedBytes}. For `BaseChannel` only. */
  get sharedBytes(): number {
    return this.closed ? 0 : (this.#outbox.sharedBytes ?? 0);
  }

  /** Whether this sender makes histograms. For `BaseChannel` only. */
  get hasHistograms(): boolean {
    return this.#measures !== undefined;
  }

  /** What becomes of a message that was accepted: in the next turn of the event loop, where that is due. For `BaseChannel` only. */
  toldOfSent(): Promise<SendOutcome> {
    if (!this.#outbox.hasLeft) return this.#whenLeft();
    return this.#budget.exhausted() ? nextTurn().then(() => SENT) : SENT;
  }

  /** Waits until everything that was accepted has left. */
  async #whenLeft(): Promise<SendOutcome> {
    await withDeadline(
      NOTHING,
      () => this.#waits.until(() => this.#hasLeft()),
      () => this.#whyNotLeft(),
    );
    return 'sent';
  }

  /** For `BaseLoan` only. */
  sendLoan(loan: BaseLoan<M>, options: WaitOptions = NOTHING): Promise<SendOutcome> {
    // Where the event loop is due for a turn, the outcome waits for it. If the message did, all that come until then
    // would get into line behind it, and those after them.
    const isDue = this.#budget.exhausted();
    let offered: Offered;
    try {
      // The usual case without a detour: accepted at once, and gone at once.
      if (options !== NOTHING) checkMayWait(options);
      offered = this.#offerAtOnce(loan, isDue ? 0 : this.#spins);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#told(loan, offered, isDue, options);
  }

  /** What became of a message, once that is certain. */
  #told(
    loan: BaseLoan<M>,
    offered: Offered,
    isDue: boolean,
    options: WaitOptions,
  ): Promise<SendOutcome> {
    if (offered === 'left' || offered === 'no-receiver') {
      const outcome = offered === 'left' ? SENT : NO_RECEIVER;
      return isDue ? nextTurn().then(() => outcome) : outcome;
    }
    return withDeadline(
      options,
      (signal) => this.#sendInTurn(loan, offered, signal),
      () => this.#whyNotSent(loan),
    );
  }

  /** For `BaseLoan`; for `BaseChannel` with what it asks or answers. @throws as `Loan.trySend`. */
  trySendLoan(loan: BaseLoan<M>, exchange = 0): SendOutcome {
    loan.checkOwned();
    return this.#sending.busy ? 'full' : this.#offer(loan, exchange);
  }

  /** For `BaseLoan` only. */
  releaseLoan(loan: BaseLoan<M>): void {
    loan.disown();
    this.#loansHeld--;
    if (this.closed) {
      this.#outbox.freeAfterClose?.(loan.memory);
      return;
    }
    this.#outbox.free(loan.memory);
    // Another call may wait for this room.
    if (this.#borrowing.busy) this.#waits.wake();
    this.onLoanReleased?.();
  }

  async #afterTurn(loan: Loan): Promise<Loan> {
    await nextTurn();
    if (this.closed) loan.release();
    this.#checkOpen();
    return loan;
  }

  #lend(byteLength: number): BaseLoan<M> | undefined {
    const memory = this.#outbox.allocate(byteLength);
    if (memory === undefined) return undefined;
    this.#loansHeld++;
    return new BaseLoan(this, memory, byteLength, this.#drops.add(byteLength));
  }

  /** @param use of the loan, while nobody else is lent anything. */
  async #borrowInTurn<T>(
    byteLength: number,
    signal: AbortSignal | undefined,
    use: (loan: BaseLoan<M>) => T,
  ): Promise<T> {
    this.#checkOpen();
    checkMessageLength(byteLength, this.#capabilities.maxMessageBytes);
    return this.#borrowing.run(async () => {
      if (this.#budget.exhausted()) await nextTurn();
      return use(await this.#borrow(byteLength, signal));
    }, signal);
  }

  async #borrow(byteLength: number, signal: AbortSignal | undefined): Promise<BaseLoan<M>> {
    let loan: BaseLoan<M> | undefined;
    // Who has lent nothing out cannot wait for itself.
    const forget = this.#loansHeld === 0 ? undefined : eachSecond(() => this.#warnOfLoans());
    const noStall = this.#tellOfStalls('loan', () => this.#whyNoRoom(byteLength));
    try {
      await this.#untilThereIsRoom(() => {
        this.#checkOpen();
        loan = this.#lend(byteLength);
        return loan !== undefined;
      }, signal);
    } finally {
      forget?.();
      noStall();
    }
    return loan as BaseLoan<M>;
  }

  /** Says it once if a loan waits for room that nobody but this program can give. */
  #warnOfLoans(): void {
    if (this.#warnedOfLoans || this.closed || this.#loansHeld === 0) return;
    if (whoIsBehind(this.#listReceivers()) !== '') return;
    this.#warnedOfLoans = true;
    process.emitWarning(
      `a loan waits for room that only this program can give: no receiver holds anything, and ` +
        `${counted(this.#loansHeld, 'loan')} (${this.#poolInWords()}) ` +
        "were neither sent nor released. A loan whose send() said 'no-receiver' is still yours: " +
        'release() it, or hold it with `using`.',
      'PageferryWarning',
      'PAGEFERRY_LOANS_HELD',
    );
  }

  /** Waits until `ready`, and notes for how long if that is to be known. */
  #untilThereIsRoom(ready: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    const wait = (look: () => boolean): Promise<void> => this.#waits.until(look, signal);
    return this.#measures === undefined ? wait(ready) : this.#measures.noteWait(ready, wait);
  }

  /** Notes why a call waits, until the function is called that this returns. */
  #tellOfStalls(call: 'loan' | 'send', why: () => string): () => void {
    this.#waiting.add(why);
    const noStall = tellOfStalls(call, this.endpoint, () => (this.closed ? undefined : why()));
    return () => {
      this.#waiting.delete(why);
      noStall?.();
    };
  }

  #place(): string {
    return this.endpoint === '' ? '' : ` at ${this.endpoint}`;
  }

  /** `1 MiB out of a pool of 1 MiB`. */
  #poolInWords(): string {
    const out = inBytes(this.#currentBytesOut());
    return this.#poolBytes === undefined ? out : `${out} of a pool of ${inBytes(this.#poolBytes)}`;
  }

  #whyNoRoom(byteLength: number): string {
    const loans =
      this.#loansHeld === 0
        ? ''
        : `${counted(this.#loansHeld, 'loan')} of this program, neither sent nor released`;
    const holders = [whoIsBehind(this.#listReceivers()), loans].filter((who) => who !== '');
    const isRoom = byteLength <= (this.#poolBytes ?? 0) - this.#outbox.bytesOut;
    // What a pool has not lent yet may have to be made first, which takes turns of the event loop.
    if (isRoom)
      return `memory for ${inBytes(byteLength)} was not ready yet (${this.#poolInWords()} are out)`;
    const out = `no room for ${inBytes(byteLength)}: ${this.#poolInWords()} are out`;
    return holders.length === 0 ? out : `${out} (${holders.join('; ')})`;
  }

  #whyNotSent(loan: BaseLoan<M>): string {
    const behind = whoIsBehind(this.#listReceivers());
    const what = loan.held ? 'the message was not accepted' : 'the message has not left whole';
    return behind === '' ? what : `${what}: it waits for ${behind}`;
  }

  #whyNotLeft(): string {
    return `not everything has left: ${whoIsBehind(this.#listReceivers())}`;
  }

  #offer(loan: BaseLoan<M>, exchange = loan.exchange): AcceptOutcome {
    const byteLength = loan.byteLength;
    const outcome = this.#outbox.accept(loan.memory, byteLength, loan.tag, exchange);
    if (outcome === 'sent') {
      loan.disown();
      this.#loansHeld--;
      this.#noteSent(byteLength);
    }
    return outcome;
  }

  #noteSent(byteLength: number): void {
    this.#messagesSent++;
    this.#bytesSent += byteLength;
    this.#measures?.sent.add(byteLength);
  }

  /**
   * Offers a message, unless others are before it.
   *
   * @param spins how often once more where there is no room.
   */
  #offerAtOnce(loan: BaseLoan<M>, spins: number): Offered {
    if (this.#sending.busy) return 'full';
    loan.checkOwned();
    let outcome = this.#offer(loan);
    for (let spin = spins; spin > 0 && outcome === 'full'; spin--) outcome = this.#offer(loan);
    return outcome === 'sent' && this.#outbox.hasLeft ? 'left' : outcome;
  }

  /** Copies the bytes once it is this message's turn, and sends them. */
  #copyAndSend(
    loan: BaseLoan<M>,
    pieces: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<SendOutcome> {
    const accept = async (): Promise<AcceptOutcome> => {
      await copyInPieces(loan, pieces, this.#budget);
      if (signal?.aborted) throw signal.reason;
      if (this.#budget.exhausted()) await nextTurn();
      return this.#acceptSlowly(loan, 'full', signal);
    };
    return this.#inTurn(loan, accept, signal);
  }

  async #sendInTurn(
    loan: BaseLoan<M>,
    first: AcceptOutcome,
    signal: AbortSignal | undefined,
  ): Promise<SendOutcome> {
    const way = first === 'sent' ? this.#outbox.wayOf?.(loan.memory) : undefined;
    if (way !== undefined) {
      // It may have left by its own way, while others hold the rest up: then the wait takes no turn.
      if (this.#budget.exhausted()) await nextTurn();
      await this.#waits.until(() => way.hasLeft, signal);
      return first;
    }
    const accept = async (): Promise<AcceptOutcome> => {
      if (this.#budget.exhausted()) await nextTurn();
      return this.#acceptSlowly(loan, first, signal);
    };
    return await this.#inTurn(loan, accept, signal);
  }

  /** Has a message accepted in its turn, and waits until it has left. */
  async #inTurn(
    loan: BaseLoan<M>,
    accept: () => Promise<AcceptOutcome>,
    signal: AbortSignal | undefined,
  ): Promise<SendOutcome> {
    const { outcome, way } = await this.#sending.run(async () => {
      const accepted = await accept();
      const own = accepted === 'sent' ? this.#outbox.wayOf?.(loan.memory) : undefined;
      // Whoever comes next goes by the same way.
      if (accepted === 'sent' && own === undefined) {
        await this.#waits.until(() => this.#hasLeft(), signal);
      }
      return { outcome: accepted, way: own };
    }, signal);
    if (way !== undefined) await this.#waits.until(() => way.hasLeft, signal);
    return outcome;
  }

  async #acceptSlowly(
    loan: BaseLoan<M>,
    first: AcceptOutcome,
    signal: AbortSignal | undefined,
  ): Promise<SendOutcome> {
    let outcome = first;
    if (outcome !== 'full') return outcome;
    const noStall = this.#tellOfStalls('send', () => this.#whyNotSent(loan));
    try {
      await this.#untilThereIsRoom(() => {
        loan.checkOwned();
        outcome = this.#offer(loan);
        return outcome !== 'full';
      }, signal);
    } finally {
      noStall();
    }
    return outcome;
  }

  async #closeInOrder(options: WaitOptions): Promise<void> {
    await null; // From here on `closed` is true.
    const leave = (signal: AbortSignal | undefined): Promise<void> => {
      if (this.#abandoning === undefined) this.announceEnd();
      return this.#waits.until(() => this.#hasLeft(), signal);
    };
    try {
      await withDeadline(options, leave, () => this.#whyNotLeft());
    } catch (error) {
      const alreadyDestroyed = this.#abandoning !== undefined;
      await this.destroy();
      if (alreadyDestroyed) return;
      throw error;
    }
    if (this.#abandoning !== undefined) return await this.#abandoning;
    this.doneWaiting();
    await this.#end(true);
  }

  async #end(inOrder: boolean): Promise<void> {
    // Before anything is freed: who waits must not look at it any more.
    this.#waits.fail(this.#closedError());
    await this.end(inOrder);
  }

  #hasLeft(): boolean {
    if (this.#outbox.hasLeft) return true;
    this.#outbox.settle();
    return this.#outbox.hasLeft;
  }

  #isIdle(): boolean {
    this.#outbox.settle();
    return this.#outbox.isIdle;
  }

  #countReceivers(): number {
    this.#outbox.settle();
    const count = this.#outbox.count();
    if (count === 0) this.#checkMayCome?.();
    return count;
  }

  #listReceivers(): readonly ReceiverInfo[] {
    this.#outbox.settle();
    return this.#outbox.list();
  }

  #currentBytesOut(): number {
    this.#outbox.settle();
    return this.#outbox.bytesOut;
  }

  #checkOpen(): void {
    if (this.closed) throw this.#closedError();
  }

  #closedError(): PageferryError {
    return new PageferryError('CLOSED', this.#whyClosed);
  }
}
