import type { BaseDelivery } from '../base/base-delivery.js';
import { BaseLoan } from '../base/base-loan.js';
import type { BaseReceiver } from '../base/base-receiver.js';
import type { BaseSender } from '../base/base-sender.js';
import type { DeliveryChannel } from '../base/delivery-channel.js';
import type { AcceptOutcome, InboundMessage, LoanMemory } from '../base/hooks.js';
import { LoopHolder } from '../base/loop-holder.js';
import { checkTag, invalidArgument } from '../checks.js';
import type {
  ChannelDelivery,
  ChannelStats,
  Payload,
  PendingRequest,
} from '../contract/channel.js';
import type { AttachedDescriptor } from '../contract/descriptors.js';
import type {
  Delivery,
  MessageInfo,
  SpliceDestination,
  SpliceOptions,
  SpliceResult,
} from '../contract/receiver.js';
import type {
  Loan,
  ReceiverInfo,
  SendDescriptorsOptions,
  SendOptions,
  SendOutcome,
} from '../contract/sender.js';
import type { PeerCredentials, WaitOptions } from '../contract/transport.js';
import { isPageferryError, PageferryError } from '../errors.js';
import { clock } from '../waiting/clock.js';
import { checkWaitOptions, withDeadline } from '../waiting/deadline.js';
import { afterMicrotasks, nextTurn } from '../waiting/loop-budget.js';
import { toldToCaller } from '../waiting/told-to-caller.js';
import { EXCHANGE, exchangeWord, isAnswer } from './exchange.js';
import { type OpenRequest, OpenRequests, type RequestChannel } from './open-requests.js';
import { encodeError } from './remote-error.js';
import { isUnsent, noteUnsent } from './unsent.js';

/** What a mechanism hands {@link BaseChannel}: the two halves of a connection. It takes them over. */
export interface BaseChannelSettings {
  /** The half that sends. The channel closes it. */
  readonly sender: BaseSender<LoanMemory>;
  /** The half that receives. The channel closes it. */
  readonly receiver: BaseReceiver<InboundMessage>;
  /** Who is at the other end, where the transport knows. */
  readonly peer: PeerCredentials | undefined;
  /** Has the connection keep the event loop alive, or stop it. */
  readonly keepAlive: (on: boolean) => void;
  /**
   * Called with the number of a question that nobody waits for any more. True if its answer will not come, then: the
   * mechanism has taken it back. By default what was asked is answered all the same.
   */
  readonly onAbandon?: (number: number) => boolean;
  /** Called once, when the channel is closed by whatever call. */
  readonly onClose?: (channel: BaseChannel) => void;
}

const NOTHING = {};
const SEND_OPTIONS = ['signal', 'timeout', 'tag'] as const;

/** How many answers without bytes may wait to be taken: more than an honest peer has questions under way. */
const MAX_NOTICES = 16 * 1024;

const NO_BYTES = new Uint8Array(0);

/** Both halves of a connection, and the questions that are open on it. It knows nothing of mechanisms. */
export class BaseChannel extends LoopHolder implements DeliveryChannel, RequestChannel {
  readonly peer: PeerCredentials | undefined;
  /** Whether the other side is in this process, too. */
  readonly #isPeerHere: boolean;
  readonly #sender: BaseSender<LoanMemory>;
  readonly #receiver: BaseReceiver<InboundMessage>;
  readonly #onAbandon: ((number: number) => boolean) | undefined;
  readonly #onClose: ((channel: BaseChannel) => void) | undefined;
  readonly #requests: OpenRequests;
  #closing: Promise<void> | undefined;
  #isDraining = false;
  /** True once it is to be closed as soon as nothing of it is held. */
  #isUnused = false;
  /** How many messages wait that {@link #sendInBackground} sends. */
  #noticesWaiting = 0;

  constructor(settings: BaseChannelSettings) {
    const { sender, receiver, peer, keepAlive } = settings;
    super('pageferry:Channel', keepAlive);
    this.#requests = new OpenRequests(this, sender.hasHistograms);
    this.peer = peer;
    this.#isPeerHere = peer?.pid === process.pid;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#onAbandon = settings.onAbandon;
    this.#onClose = settings.onClose;
    receiver.joinChannel(this);
    sender.onLoanReleased = () => this.#closeIfUnused();
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get ended(): boolean {
    return this.#receiver.ended;
  }

  get finished(): boolean {
    return this.#sender.closed;
  }

  loan(byteLength: number, options?: WaitOptions): Promise<Loan> {
    return this.#sender.loan(byteLength, options);
  }

  tryLoan(byteLength: number): Loan | undefined {
    return this.#sender.tryLoan(byteLength);
  }

  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome> {
    return this.#sender.send(bytes, options);
  }

  sendDescriptors(
    descriptors: readonly AttachedDescriptor[],
    options?: SendDescriptorsOptions,
  ): Promise<SendOutcome> {
    return this.#sender.sendDescriptors(descriptors, options);
  }

  sendMany(loans: readonly Loan[], options?: WaitOptions): Promise<SendOutcome> {
    return this.#sender.sendMany(loans, options);
  }

  flush(options?: WaitOptions): Promise<void> {
    return this.#sender.flush(options);
  }

  async finish(options: WaitOptions = NOTHING): Promise<void> {
    checkWaitOptions(options);
    try {
      await this.#sender.close(options);
    } catch (error) {
      // Half of a channel does not end out of order: the other side could not tell.
      await this.destroy();
      throw error;
    }
  }

  request(question: Payload, options: SendOptions = NOTHING): Promise<Delivery> {
    try {
      this.#checkOpen();
      const request = options === NOTHING ? this.#askAtOnce(question) : undefined;
      return request === undefined
        ? this.#requestInTurn(question, options)
        : this.#answerSoon(request);
    } catch (error) {
      return Promise.reject(toldToCaller(error, undefined, this.request));
    }
  }

  tryRequest(question: Loan): PendingRequest | undefined {
    this.#checkOpen();
    const asked = this.#offerQuestion(checkIsLoan('question', question));
    if (asked === 'no-receiver') throw notAsked();
    return typeof asked === 'string' ? undefined : asked;
  }

  lookFor(request: OpenRequest): void {
    try {
      const end = this.#receiver.seekOnce(request);
      if (!request.isSettled && (end === 'end' || this.closed)) throw this.#whyUnanswered(end);
    } catch (error) {
      this.#fail(request, error);
    }
  }

  async awaitAnswer(request: OpenRequest, options: WaitOptions): Promise<Delivery> {
    checkWaitOptions(options);
    try {
      const answerTo = (signal: AbortSignal | undefined) => this.answerTo(request, signal);
      return await withDeadline(options, answerTo, () => this.#whyNoAnswer());
    } catch (error) {
      if (!isOwnLimit(error)) this.#fail(request, error);
      throw error;
    }
  }

  /** The usual case without a detour: the question is accepted at once. `undefined` if it is still to be sent. */
  #askAtOnce(question: Payload): OpenRequest | undefined {
    // Also where the event loop is due for a turn: the wait for the answer takes it. If the question waited, all that are
    // asked until then would get into line behind it, and those after them.
    const asked = this.#offerQuestion(question);
    return typeof asked === 'string' ? undefined : asked;
  }

  /** Sends a question if it can be accepted at once; otherwise there is none. @throws as `Loan.trySend`, and `send`. */
  #offerQuestion(question: Payload): OpenRequest | 'full' | 'no-receiver' {
    const request = this.#requests.begin();
    let outcome: SendOutcome = 'full';
    try {
      outcome = this.#tryToSend(
        question,
        'question',
        exchangeWord(EXCHANGE.request, request.number),
      );
    } finally {
      if (outcome !== 'sent') this.#requests.forget(request);
    }
    return outcome === 'sent' ? request : outcome;
  }

  /** The answer to what was asked just now. */
  async #answerSoon(request: OpenRequest): Promise<Delivery> {
    // Who asks several things in one turn has asked all of them by then. And where the other side may be on this thread, it
    // has had its turn to answer: it could not while this side looks.
    await (this.#isPeerHere ? afterMicrotasks() : null);
    try {
      // Mostly the answer comes while this looks.
      if (!this.#receiver.mustWait) this.#receiver.seekAtOnce(request);
      const { arrived } = request;
      if (arrived !== undefined && !this.#receiver.closed) return arrived;
      return await this.answerTo(request, undefined);
    } catch (error) {
      if (isPeerError(error)) this.#requests.forget(request);
      else this.#abandon(request);
      throw toldToCaller(error, undefined, this.#answerSoon);
    }
  }

  /** It stays unanswered, and the same error is told whenever its answer is asked for. */
  #fail(request: OpenRequest, error: unknown): void {
    request.failure ??= error;
    this.#requests.forget(request);
  }

  async #requestInTurn(question: Payload, options: SendOptions): Promise<Delivery> {
    const { tag } = checkWaitOptions(options, SEND_OPTIONS);
    let sent: BaseLoan<LoanMemory> | undefined;
    const ask = async (signal: AbortSignal | undefined): Promise<Delivery> => {
      const request = this.#requests.begin();
      try {
        await this.#ask(request, question, { tag, signal }, (loan) => {
          sent = loan;
        });
        return await this.answerTo(request, signal);
      } catch (error) {
        if (isUnsent(error) || isPeerError(error)) this.#requests.forget(request);
        else this.#abandon(request);
        throw error;
      }
    };
    return await withDeadline(options, ask, () =>
      sent?.held === false ? this.#whyNoAnswer() : 'the request was not accepted',
    );
  }

  receive(options?: WaitOptions): Promise<ChannelDelivery | undefined> {
    return this.#receiver.receive(options) as Promise<ChannelDelivery | undefined>;
  }

  tryReceive(): ChannelDelivery | undefined {
    return this.#receiver.tryReceive() as ChannelDelivery | undefined;
  }

  peek(): MessageInfo | undefined {
    return this.#receiver.peek();
  }

  receiveMany(max: number, options?: WaitOptions): Promise<readonly ChannelDelivery[]> {
    return this.#receiver.receiveMany(max, options) as Promise<readonly ChannelDelivery[]>;
  }

  releaseMany(deliveries: readonly Delivery[]): void {
    this.#receiver.releaseMany(deliveries);
  }

  spliceTo(
    destination: SpliceDestination,
    options?: SpliceOptions,
  ): Promise<SpliceResult | undefined> {
    return this.#receiver.spliceTo(destination, options);
  }

  /** As `Channel.close`. */
  async close(options: WaitOptions = NOTHING): Promise<void> {
    if (this.#closing === undefined) {
      checkWaitOptions(options);
      this.#closing = this.#closeBoth(() => this.#leave(options));
    }
    return this.#closing;
  }

  async destroy(): Promise<void> {
    this.#closing ??= this.#closeBoth(() => this.#sender.destroy());
    // An orderly end that is under way waits no longer.
    await this.#sender.destroy();
    await this.#closing.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<ChannelDelivery, undefined> {
    return this.#receiver[Symbol.asyncIterator]() as AsyncIterator<ChannelDelivery, undefined>;
  }

  /** As `Channel.stats`. */
  stats(): ChannelStats {
    const { connectionsFailed, connectionFailure, ...sender } = this.#sender.stats();
    const receiver = this.#receiver.stats();
    const requestsOpen = this.closed ? 0 : this.#requests.count;
    const sharedBytes = sender.sharedBytes + receiver.sharedBytes;
    const { histograms, ...counters } = { ...sender, ...receiver, requestsOpen, sharedBytes };
    const answered = this.#requests.answered;
    if (!sender.histograms || !receiver.histograms || !answered) return counters;
    const answeredMicroseconds = answered.snapshot();
    return {
      ...counters,
      histograms: { ...sender.histograms, ...receiver.histograms, answeredMicroseconds },
    };
  }

  /** See `Lending`. */
  hasLent(loan: Loan): boolean {
    return this.#sender.hasLent(loan);
  }

  /** The share of this side's pool in `stats().sharedBytes`. For `BaseListener` only. */
  get pooledBytes(): number {
    return this.#sender.sharedBytes;
  }

  takeAnswer(delivery: BaseDelivery<InboundMessage>): void {
    this.#requests.settle(delivery);
  }

  answerAtOnce(number: number, answer: Payload): Promise<SendOutcome> | undefined {
    const word = exchangeWord(EXCHANGE.answer, number);
    if (this.#tryToSend(answer, 'answer', word) !== 'sent') return undefined;
    return this.#sender.toldOfSent();
  }

  tryAnswerWith(number: number, answer: Loan): SendOutcome {
    const word = exchangeWord(EXCHANGE.answer, number);
    return this.#tryToSend(checkIsLoan('answer', answer), 'answer', word);
  }

  /** @param argument what the message was passed as. */
  #tryToSend(payload: Payload, argument: string, word: number): SendOutcome {
    if (!(payload instanceof BaseLoan)) {
      return this.#sender.trySendCopy(payload as Exclude<Payload, Loan>, word);
    }
    return this.#sender.trySendLoan(this.#sender.checkOwnLoan(payload, argument), word);
  }

  async sendAnswer(number: number, answer: Payload, options?: SendOptions): Promise<SendOutcome> {
    return this.#sendExchange(exchangeWord(EXCHANGE.answer, number), answer, options);
  }

  async sendFailure(number: number, error: unknown, options?: WaitOptions): Promise<SendOutcome> {
    return this.#sendExchange(exchangeWord(EXCHANGE.failure, number), encodeError(error), options);
  }

  /**
   * Closes the channel, whose peer is gone, once the program holds nothing of it: deliveries and loans outlive the one
   * at the other end. For `BaseListener` only.
   */
  closeWhenUnused(): void {
    this.#isUnused = true;
    this.#closeIfUnused();
  }

  deliveryReleased(): void {
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (!this.#isUnused) return;
    // Soon: what was taken just now may not be in the program's hands yet.
    clock.setImmediate(() => {
      if (this.closed) return;
      const { loansHeld, deliveriesHeld } = this.stats();
      if (loansHeld === 0 && deliveriesHeld === 0) this.destroy().catch(() => undefined);
    });
  }

  acknowledge(number: number): void {
    this.#sendInBackground(exchangeWord(EXCHANGE.answer, number));
  }

  leaveUnanswered(number: number): void {
    this.#sendInBackground(exchangeWord(EXCHANGE.failure, number));
  }

  /** The receiver of this channel, for `BaseListener`: it has its own way to wait. */
  get receiver(): BaseReceiver<InboundMessage> {
    return this.#receiver;
  }

  /**
   * How many messages the other side has not given back, or questions that it has not answered, whichever are
   * more. For `BaseAnyChannel` only, as are those below.
   */
  get underWay(): number {
    const behind = this.#sender.receivers[0]?.messagesBehind ?? 0;
    return Math.max(behind, this.#requests.count);
  }

  /** Who is behind, as `Sender.receivers`: whoever owes an answer, too. */
  get behind(): readonly ReceiverInfo[] {
    return this.#sender.receivers.map((info) => ({ ...info, messagesBehind: this.underWay }));
  }

  /** True once all that was sent has left. For `BaseAnyChannel` only. */
  get hasLeft(): boolean {
    return this.#sender.hasLeft;
  }

  /** Sends memory of the pool that all channels of a listener share. For `BaseAnyChannel` only. */
  acceptMemory(
    memory: LoanMemory,
    byteLength: number,
    tag: number,
    exchange: number,
  ): AcceptOutcome {
    return this.#sender.acceptMemory(memory, byteLength, tag, exchange);
  }

  /** A question that expects an answer. For `BaseAnyChannel` only. */
  beginRequest(): OpenRequest {
    return this.#requests.begin();
  }

  /** A question that was not sent, or that needs no answer any more. For `BaseAnyChannel` only. */
  forgetRequest(request: OpenRequest): void {
    this.#requests.forget(request);
  }

  /** Nobody waits for the answer any more: it is released should it come. For `BaseAnyChannel` only. */
  abandonRequest(request: OpenRequest): void {
    this.#abandon(request);
  }

  async #ask(
    request: OpenRequest,
    question: Payload,
    options: SendOptions,
    onLoan: (loan: BaseLoan<LoanMemory>) => void,
  ): Promise<void> {
    const word = exchangeWord(EXCHANGE.request, request.number);
    const outcome = await this.#sendExchange(word, question, options, onLoan);
    if (outcome !== 'sent') throw notAsked();
  }

  /** Waits for the answer to a question that was sent. For `BaseAnyChannel`, and for this. */
  async answerTo(request: OpenRequest, signal: AbortSignal | undefined): Promise<Delivery> {
    let end: 'end' | undefined;
    try {
      if (!request.isSettled) end = await this.#receiver.seekAnswers(request, signal);
    } catch (error) {
      throw isPageferryError(error, 'CLOSED') ? this.#whyClosed(error) : error;
    }
    const { arrived } = request;
    if (arrived !== undefined) {
      // It may have come while the question was still to be told sent, and the channel be closed since.
      if (this.#receiver.closed) throw this.#whyClosed(channelClosed());
      return arrived;
    }
    if (request.failure !== undefined) throw request.failure;
    this.#requests.forget(request);
    throw this.#whyUnanswered(end);
  }

  #whyUnanswered(end: 'end' | undefined): unknown {
    if (end === undefined) return this.#whyClosed(channelClosed());
    return new PageferryError(
      'REQUEST_UNANSWERED',
      'the other side has ended without an answer to this request',
    );
  }

  /** Who closes a channel because its peer is gone tells those who wait why: `closed` is for all others. */
  #whyClosed(closed: unknown): unknown {
    return this.#receiver.peerFailure ?? closed;
  }

  /**
   * Sends a message that asks or answers. A loan that is not accepted stays the caller's, and is an ordinary one.
   *
   * @param onLoan gets the loan that is sent, before it is.
   */
  async #sendExchange(
    word: number,
    payload: Payload,
    options: SendOptions = NOTHING,
    onLoan?: (loan: BaseLoan<LoanMemory>) => void,
  ): Promise<SendOutcome> {
    if (payload instanceof BaseLoan) {
      onLoan?.(payload);
      return this.#sendLoan(payload, word, options);
    }
    return this.#sender.sendWith(payload as ArrayBufferView, options, word, onLoan);
  }

  /** Sends no bytes. Nobody waits for that, and who is gone need not be told. */
  #sendInBackground(word: number): void {
    if (this.finished) return;
    if (this.#noticesWaiting >= MAX_NOTICES) {
      // Who asks on and on, and takes no answer, would have this side remember all of it.
      this.destroy().catch(() => undefined);
      return;
    }
    this.#noticesWaiting++;
    this.#sendExchange(word, NO_BYTES)
      .catch(() => undefined)
      .finally(() => {
        this.#noticesWaiting--;
      });
  }

  async #sendLoan(
    loan: BaseLoan<LoanMemory>,
    word: number,
    options: SendOptions,
  ): Promise<SendOutcome> {
    try {
      const { tag } = checkWaitOptions(options, SEND_OPTIONS);
      this.#sender.checkOwnLoan(loan, argumentOf(word));
      if (tag !== undefined) loan.tag = checkTag(tag);
    } catch (error) {
      throw noteUnsent(error);
    }
    const { signal, timeout } = options;
    loan.exchange = word;
    try {
      return await loan.send({ signal, timeout });
    } catch (error) {
      throw loan.owned ? noteUnsent(error) : error;
    } finally {
      if (loan.owned) loan.exchange = 0;
    }
  }

  /** Nobody waits for an answer any more. What was asked is answered all the same, some time: that is released. */
  #abandon(request: OpenRequest): void {
    request.isAbandoned = true;
    request.arrived?.release();
    // Somebody may wait for it still.
    this.#receiver.wakeWaiting();
    if (!this.#requests.has(request)) return;
    if (this.closed || this.#onAbandon?.(request.number)) this.#requests.forget(request);
    else this.#drainAnswers();
  }

  /** Takes in answers that nobody waits for, so that they hold up nobody. */
  #drainAnswers(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const onDrained = (end: 'end' | undefined): void => {
      this.#isDraining = false;
      if (end === 'end') this.#requests.forgetAbandoned();
      // One may have been given up since the last answer came.
      else if (this.#requests.someAreAbandoned) this.#drainAnswers();
    };
    const noneCanCome = (): void => onDrained('end');
    this.#receiver.seekAnswers(this.#requests, undefined).then(onDrained, noneCanCome);
  }

  #whyNoAnswer(): string {
    return `no answer has come; ${this.#requests.count} are waited for`;
  }

  async #closeBoth(endSending: () => Promise<void>): Promise<void> {
    await null; // From here on `closed` is true.
    this.doneWaiting();
    try {
      await endSending();
    } finally {
      await this.#receiver.close();
      this.#onClose?.(this);
    }
  }

  /** Lets leave what was sent. The other side may do the same, and wait until this one takes what it has sent. */
  async #leave(options: WaitOptions): Promise<void> {
    let hasLeft = false;
    const giveUpWhatComes = async (): Promise<void> => {
      // Mostly nothing is in the way of what is to leave.
      await nextTurn();
      if (hasLeft) return;
      for await (const message of this.#receiver) message.release();
    };
    // It ends with the receiver.
    giveUpWhatComes().catch(() => undefined);
    try {
      await this.#sender.close(options);
    } finally {
      hasLeft = true;
    }
  }

  #checkOpen(): void {
    if (this.closed) throw channelClosed();
  }
}

function channelClosed(): PageferryError {
  return new PageferryError('CLOSED', 'this channel is closed');
}

/** @throws `INVALID_ARGUMENT` for what is no loan. */
function checkIsLoan(argument: string, value: Loan): Loan {
  if (value instanceof BaseLoan) return value;
  throw invalidArgument(argument, value, 'a loan of this side of the channel');
}

/** What a loan that asks or answers was passed as. */
function argumentOf(word: number): string {
  return isAnswer(word) ? 'answer' : 'question';
}

function notAsked(): unknown {
  return noteUnsent(
    new PageferryError('PEER_DIED', 'the request was not sent: the other side is gone'),
  );
}

/** Whether an error says no more than that the caller would not wait any longer. */
function isOwnLimit(error: unknown): boolean {
  return isPageferryError(error, 'ABORTED') || isPageferryError(error, 'TIMEOUT');
}

/** Whether an error of a channel says that the peer is gone, or broke the protocol. */
export function isPeerError(error: unknown): boolean {
  return isPageferryError(error) && error.code.startsWith('PEER_');
}
