import {
  asyncDispose,
  type Channel,
  type ChannelDelivery,
  checkOptions,
  type Delivery,
  invalidArgument,
  isPageferryError,
  type Loan,
  PageferryError,
  type SendOptions,
  type SendOutcome,
  thrownInWords,
  toldToCaller,
  type WaitOptions,
  withDeadline,
  withEither,
} from '@pageferry/core';
import { type Encoded, encode } from './encode.js';
import { givenUpMessage, KIND, kindOf, MAX_NAME_BYTES } from './format.js';
import { Handlers } from './handlers.js';
import { type End, Inbox } from './inbox.js';
import { filled, lendAtOnce } from './lend.js';
import { LentMessage } from './lent-message.js';
import {
  Composed,
  type ComposedMessage,
  type Lifetime,
  type Message,
  mustBe,
  ReceivedMessage,
} from './message.js';
import { encodedName } from './names.js';
import type {
  Port,
  PortEvents,
  PortMessageOptions,
  ReceiveOptions,
  RequestHandler,
} from './port.js';
import { SendOrder } from './send-order.js';

/** The numbers of requests begin anew after it. */
const MAX_REQUEST_NUMBER = 2 ** 30;

const NOTHING: WaitOptions = {};

/** What a port tells of, in words. */
const EVENTS = "'message', 'messageerror' or 'close'";

/** Values over a channel. */
export class ValuePort implements Port {
  readonly channel: Channel;
  readonly #inbox: Inbox;
  readonly #handlers: Handlers;
  readonly #onMessage = new Map<PortEvents['message'], Lifetime>();
  readonly #onError = new Set<PortEvents['messageerror']>();
  readonly #onClose = new Set<PortEvents['close']>();
  /** Fires when the other side is gone, with why. */
  readonly #gone = new AbortController();
  readonly #untilGone: WaitOptions = { signal: this.#gone.signal };
  readonly #order = new SendOrder();
  #requestNumber = 0;

  constructor(channel: Channel) {
    this.channel = channel;
    this.#handlers = new Handlers(channel, this.#order);
    this.#inbox = new Inbox(channel, {
      onRequest: (delivery) => void this.#handlers.serve(delivery),
      onGivenUp: (number) => this.#handlers.giveUp(number),
      onMessage: (delivery) => this.#tell(delivery),
      onEnd: (end) => this.#end(end),
    });
  }

  async send(value: unknown, options?: SendOptions): Promise<SendOutcome> {
    const { tag = 0, ...wait } = checkOptions(options);
    const encoded = encode(value);
    let isLent = false;
    const sendIt = async (loan: Loan, signal?: AbortSignal): Promise<SendOutcome> => {
      isLent = true;
      try {
        loan.tag = tag;
        return await loan.send(signal && { signal });
      } finally {
        loan.release();
      }
    };
    const atOnce = isUnlimited(wait) ? lendAtOnce(this.channel, this.#order, encoded) : undefined;
    if (atOnce !== undefined) return sendIt(atOnce);
    return withDeadline(
      wait,
      async (signal) => {
        const outcome = await this.#withLoan(encoded, signal, (loan) => sendIt(loan, signal));
        return outcome ?? 'no-receiver';
      },
      () => (isLent ? 'the message was not accepted' : noMemoryFor('the message', encoded)),
    );
  }

  async compose<T>(value: T, options?: WaitOptions): Promise<ComposedMessage<T>> {
    const encoded = encode(value, { withRoomForName: true, takesPlaceholders: true });
    const loan = await this.#loan(encoded.byteLength, options);
    if (loan === undefined) throw this.#whyGone();
    try {
      encoded.writeTo(loan.bytes);
      return new Composed<T>({ loan, usedBytes: encoded.usedBytes });
    } catch (error) {
      loan.release();
      throw error;
    }
  }

  async receive<T = unknown>(options?: ReceiveOptions): Promise<Message<T> | undefined> {
    const { copy = false, ...wait } = checkOptions(options);
    const delivery = await withDeadline(
      wait,
      (signal) => this.#inbox.take(signal),
      () => 'no message has come',
    );
    return delivery && readMessage<T>(delivery, copy ? 'copy' : 'explicit');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, undefined> {
    for (;;) {
      const message = await this.receive();
      if (message === undefined) return undefined;
      try {
        yield message;
      } finally {
        message.release();
      }
    }
  }

  on<E extends keyof PortEvents>(
    event: E,
    listener: PortEvents[E],
    options?: PortMessageOptions,
  ): this {
    const { lifetime = 'gc' } = checkOptions(options);
    if (typeof listener !== 'function') throw invalidArgument('listener', listener, 'a function');
    if (lifetime !== 'gc' && lifetime !== 'explicit' && lifetime !== 'copy') {
      throw invalidArgument('lifetime', lifetime, "'gc', 'explicit' or 'copy'");
    }
    if (event === 'message') {
      this.#onMessage.set(listener as PortEvents['message'], lifetime);
      for (let kept = this.#inbox.takeKept(); kept; kept = this.#inbox.takeKept()) this.#tell(kept);
    } else if (event === 'messageerror') this.#onError.add(listener as PortEvents['messageerror']);
    else if (event === 'close') this.#onClose.add(listener as PortEvents['close']);
    else throw invalidArgument('event', event, EVENTS);
    this.#adjust();
    return this;
  }

  off<E extends keyof PortEvents>(event: E, listener: PortEvents[E]): this {
    const known = listener as never;
    if (event === 'message') this.#onMessage.delete(known);
    else if (event === 'messageerror') this.#onError.delete(known);
    else if (event === 'close') this.#onClose.delete(known);
    else throw invalidArgument('event', event, EVENTS);
    this.#adjust();
    return this;
  }

  async request<T = unknown>(
    name: string,
    value?: unknown,
    options: WaitOptions = NOTHING,
  ): Promise<Message<T>> {
    return answerOf<T>(await this.#ask(name, value, options), false);
  }

  async call<T = unknown>(
    name: string,
    value?: unknown,
    options: WaitOptions = NOTHING,
  ): Promise<T> {
    return answerOf<T>(await this.#ask(name, value, options), true).value;
  }

  handle(name: string, handler: RequestHandler): this {
    checkName(name);
    if (typeof handler !== 'function') throw invalidArgument('handler', handler, 'a function');
    if (this.#handlers.has(name)) throw invalidArgument('name', name, 'one without a handler');
    this.#handlers.add(name, handler);
    this.#adjust();
    return this;
  }

  unhandle(name: string): this {
    this.#handlers.remove(name);
    this.#adjust();
    return this;
  }

  async close(options?: WaitOptions): Promise<void> {
    this.#handlers.end();
    this.#inbox.close();
    await this.channel.close(options);
  }

  async destroy(): Promise<void> {
    this.#handlers.end();
    this.#inbox.close();
    await this.channel.destroy();
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  ref(): this {
    this.channel.ref();
    return this;
  }

  unref(): this {
    this.channel.unref();
    return this;
  }

  /** What is wrong with the arguments is thrown at once. */
  #ask(name: string, value: unknown, options: WaitOptions): Promise<Delivery> {
    checkName(name);
    const isLimited = !isUnlimited(options);
    // One that may be given up has a number, by which the other side is told.
    const requestNumber = isLimited ? this.#nextRequestNumber() : 0;
    const question = isComposed(value)
      ? value
      : encode(value, { kind: KIND.request, name, requestNumber });
    if (!isLimited && !isComposed(question)) {
      const loan = lendAtOnce(this.channel, this.#order, question);
      if (loan !== undefined) return this.#askWith(loan);
    }
    let isLent = false;
    const askWith = async (loan: Loan, signal?: AbortSignal): Promise<Delivery> => {
      isLent = true;
      try {
        return await this.channel.request(loan, signal && { signal });
      } catch (error) {
        if (!loan.owned && signal?.aborted) this.#tellGivenUp(requestNumber);
        throw error;
      } finally {
        if (!isComposed(question)) loan.release();
      }
    };
    const ask = async (signal?: AbortSignal): Promise<Delivery> => {
      if (isComposed(question)) {
        return await askWith(question.prepare(KIND.request, name, requestNumber), signal);
      }
      const answer = await this.#withLoan(question, signal, (loan) => askWith(loan, signal));
      if (answer === undefined) throw this.#whyGone();
      return answer;
    };
    return isLimited
      ? withDeadline(options, ask, () =>
          isLent || isComposed(question)
            ? `the request '${name}' was not answered`
            : noMemoryFor(`the request '${name}'`, question),
        )
      : ask();
  }

  /** The usual case without a detour. */
  #askWith(loan: Loan): Promise<Delivery> {
    const answer = this.channel.request(loan);
    // Mostly it has left by now, and there is nothing to be released.
    return loan.owned ? answer.finally(() => loan.release()) : answer;
  }

  /**
   * Lends memory. A wait for it ends with the other side: what is out may be this program's own, and nobody needs it.
   *
   * @returns `undefined` if the other side is gone.
   * @throws as `Channel.loan`.
   */
  async #loan(byteLength: number, options?: WaitOptions): Promise<Loan | undefined> {
    const given = options?.signal;
    const { signal: gone } = this.#gone;
    try {
      if (options === undefined) return await this.channel.loan(byteLength, this.#untilGone);
      return await withEither(given, gone, (signal) =>
        this.channel.loan(byteLength, { ...options, signal }),
      );
    } catch (error) {
      // The program may have aborted by now, too: what has ended the wait is in the error.
      if (!gone.aborted || !isPageferryError(error, 'ABORTED')) throw error;
      if (error.cause !== gone.reason) throw error;
      if (isPageferryError(gone.reason, 'CLOSED')) throw this.#whyGone();
      return undefined;
    }
  }

  /**
   * Sends an encoded value once there is memory for it.
   *
   * @param signal of `withDeadline`.
   * @param send begins to send it, before it returns.
   * @returns `undefined` if the other side is gone.
   * @throws as `Channel.loan`, and as `send`.
   */
  async #withLoan<T>(
    encoded: Encoded,
    signal: AbortSignal | undefined,
    send: (loan: Loan) => Promise<T>,
  ): Promise<T | undefined> {
    const lend = (): Promise<Loan | undefined> =>
      this.#loan(encoded.byteLength, signal && { signal });
    return await this.#order.run(lend, async (loan) => loan && (await send(filled(loan, encoded))));
  }

  /** Why the other side is gone, for whoever calls. */
  #whyGone(): unknown {
    return toldToCaller(this.#gone.signal.reason, undefined, this.#whyGone);
  }

  #nextRequestNumber(): number {
    this.#requestNumber = (this.#requestNumber % MAX_REQUEST_NUMBER) + 1;
    return this.#requestNumber;
  }

  /** Nobody waits for that; who is gone need not be told. */
  #tellGivenUp(requestNumber: number): void {
    this.channel.send(givenUpMessage(requestNumber)).catch(() => undefined);
  }

  /** Hands a message to the listeners, if there are any. */
  #tell(delivery: ChannelDelivery): boolean {
    if (this.#onMessage.size === 0) return false;
    // For each lifetime one: who keeps its buffers does not see them change.
    const messages = new Map<Lifetime, Message>();
    try {
      for (const lifetime of new Set(this.#onMessage.values())) {
        messages.set(lifetime, readMessage(delivery.retain(), lifetime));
      }
      void this.#callListeners(messages);
    } catch (error) {
      for (const message of messages.values()) message.release();
      this.#tellError(error);
    } finally {
      delivery.release();
    }
    return true;
  }

  async #callListeners(messages: ReadonlyMap<Lifetime, Message>): Promise<void> {
    const listeners = [...this.#onMessage];
    // Before the first of them is called: it may release its message, and take others back.
    const lent = listeners.map(([, lifetime]) => {
      const message = messages.get(lifetime);
      return message && (listeners.length > 1 ? new LentMessage(message) : message);
    });
    const calls = listeners.map(async ([listener], number) => {
      const message = lent[number];
      if (message !== undefined) await listener(message.value, message);
    });
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'rejected') throwUncaught(outcome.reason);
    }
    messages.get('explicit')?.release();
  }

  #tellError(error: unknown): void {
    if (this.#onError.size === 0) {
      process.emitWarning(`a message was dropped: ${(error as Error).message}`, {
        code: 'PAGEFERRY_MESSAGE_UNREADABLE',
      });
    }
    for (const listener of this.#onError) callSafely(() => listener(error));
  }

  #end({ error }: End): void {
    if (error !== undefined) {
      this.#handlers.end(error);
      this.#gone.abort(error);
    }
    for (const listener of this.#onClose) callSafely(() => listener(error));
  }

  #adjust(): void {
    const listeners = this.#onMessage.size;
    this.#inbox.servesAll = this.#handlers.count + listeners > 0;
    this.#inbox.watchesEnd = this.#onClose.size > 0;
  }
}

function noMemoryFor(what: string, { byteLength }: Encoded): string {
  return `${what} was not sent: there was no memory for its ${byteLength} bytes`;
}

/** @throws `PEER_MISBEHAVED`; the delivery is released then. */
function readMessage<T>(delivery: Delivery, lifetime: Lifetime): ReceivedMessage<T> {
  try {
    const message = new ReceivedMessage<T>(delivery, lifetime);
    mustBe(message, KIND.message);
    return message;
  } catch (error) {
    delivery.release();
    throw error;
  }
}

function answerOf<T>(delivery: Delivery, copy: boolean): ReceivedMessage<T> {
  try {
    // An error outlives its message.
    const isCopied = copy || kindOf(delivery.bytes) !== KIND.answer;
    const message = new ReceivedMessage<T>(delivery, isCopied ? 'copy' : 'explicit');
    mustBe(message, KIND.answer, KIND.failure, KIND.noHandler);
    if (message.kind !== KIND.answer) throw failureOf(message);
    return message;
  } catch (error) {
    delivery.release();
    throw error;
  }
}

function failureOf({ kind, value }: ReceivedMessage<unknown>): PageferryError {
  if (kind === KIND.noHandler) {
    return new PageferryError(
      'NO_HANDLER',
      `the other side handles no request '${thrownInWords(value)}'`,
    );
  }
  return new PageferryError(
    'REQUEST_FAILED',
    `the other side answered with an error: ${thrownInWords(value)}`,
    {
      cause: value,
    },
  );
}

/** Whether a call may wait for ever. What else may be in the options is checked where they are used. */
function isUnlimited(options: WaitOptions): boolean {
  return options === NOTHING || Object.keys(checkOptions(options)).length === 0;
}

function isComposed(value: unknown): value is Composed<unknown> {
  return value instanceof Composed;
}

function checkName(name: unknown): void {
  const isName = typeof name === 'string' && name !== '';
  if (!isName || encodedName(name).length > MAX_NAME_BYTES) {
    throw invalidArgument('name', name, `a text of 1 to ${MAX_NAME_BYTES} bytes`);
  }
}

function callSafely(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwUncaught(error);
  }
}

function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
