import { types } from 'node:util';
import {
  asyncDispose,
  type Channel,
  type ChannelDelivery,
  type Delivery,
  invalidArgument,
  PageferryError,
  type SendOptions,
  type SendOutcome,
  type WaitOptions,
  withDeadline,
} from '@pageferry/core';
import { kindOf } from './decode.js';
import { type Encoded, encode, encodeFailure } from './encode.js';
import { KIND, type Kind, MAX_NAME_BYTES } from './format.js';
import { type End, Inbox } from './inbox.js';
import { Composed, type ComposedMessage, type Message, ReceivedMessage } from './message.js';
import type {
  Port,
  PortEvents,
  PortMessageOptions,
  ReceiveOptions,
  RequestHandler,
} from './port.js';

/** Values over a channel. */
export class ValuePort implements Port {
  readonly channel: Channel;
  readonly #inbox: Inbox;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #onMessage = new Map<PortEvents['message'], boolean>();
  readonly #onError = new Set<PortEvents['messageerror']>();
  readonly #onClose = new Set<PortEvents['close']>();
  /** Fires when no answer can reach anybody any more. */
  readonly #over = new AbortController();

  constructor(channel: Channel) {
    this.channel = channel;
    this.#inbox = new Inbox(channel, {
      onRequest: (delivery) => void this.#serve(delivery),
      onMessage: (delivery) => this.#tell(delivery),
      onEnd: (end) => this.#end(end),
    });
  }

  async send(value: unknown, options: SendOptions = {}): Promise<SendOutcome> {
    const { tag, ...wait } = options;
    const encoded = encode(value);
    return withDeadline(
      wait,
      async (signal) => {
        const loan = await this.#lend(encoded, signal);
        try {
          loan.tag = tag ?? 0;
          return await loan.send({ signal });
        } finally {
          loan.release();
        }
      },
      () => 'the message was not accepted',
    );
  }

  async compose<T>(value: T, options?: WaitOptions): Promise<ComposedMessage<T>> {
    const encoded = encode(value, { withRoomForName: true, takesPlaceholders: true });
    const loan = await this.channel.loan(encoded.byteLength, options);
    try {
      encoded.writeTo(loan.bytes);
      return new Composed<T>({ loan, usedBytes: encoded.usedBytes });
    } catch (error) {
      loan.release();
      throw error;
    }
  }

  async receive<T = unknown>(options: ReceiveOptions = {}): Promise<Message<T> | undefined> {
    const { copy = false, ...wait } = options;
    const delivery = await withDeadline(
      wait,
      (signal) => this.#inbox.take(signal),
      () => 'no message has come',
    );
    return delivery && readMessage<T>(delivery, copy);
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
    { lifetime = 'gc' }: PortMessageOptions = {},
  ): this {
    if (lifetime !== 'gc' && lifetime !== 'explicit') {
      throw invalidArgument('lifetime', lifetime, "'gc' or 'explicit'");
    }
    if (event === 'message') {
      this.#onMessage.set(listener as PortEvents['message'], lifetime === 'gc');
      for (let kept = this.#inbox.takeKept(); kept; kept = this.#inbox.takeKept()) this.#tell(kept);
    } else if (event === 'messageerror') this.#onError.add(listener as PortEvents['messageerror']);
    else if (event === 'close') this.#onClose.add(listener as PortEvents['close']);
    else throw invalidArgument('event', event, "'message', 'messageerror' or 'close'");
    this.#adjust();
    return this;
  }

  off<E extends keyof PortEvents>(_event: E, listener: PortEvents[E]): this {
    const known = listener as never;
    this.#onMessage.delete(known) || this.#onError.delete(known) || this.#onClose.delete(known);
    this.#adjust();
    return this;
  }

  async request<T = unknown>(
    name: string,
    value?: unknown,
    options: WaitOptions = {},
  ): Promise<Message<T>> {
    return answerOf<T>(await this.#ask(name, value, options), false);
  }

  async call<T = unknown>(name: string, value?: unknown, options: WaitOptions = {}): Promise<T> {
    return answerOf<T>(await this.#ask(name, value, options), true).value;
  }

  handle(name: string, handler: RequestHandler): this {
    checkName(name);
    if (typeof handler !== 'function') throw invalidArgument('handler', handler, 'a function');
    if (this.#handlers.has(name)) throw invalidArgument('name', name, 'one without a handler');
    this.#handlers.set(name, handler);
    this.#adjust();
    return this;
  }

  unhandle(name: string): this {
    this.#handlers.delete(name);
    this.#adjust();
    return this;
  }

  async close(options?: WaitOptions): Promise<void> {
    this.#over.abort();
    this.#inbox.close();
    await this.channel.close(options);
  }

  async destroy(): Promise<void> {
    this.#over.abort();
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

  async #ask(name: string, value: unknown, options: WaitOptions): Promise<Delivery> {
    checkName(name);
    if (isComposed(value)) {
      return this.channel.request(value.prepare(KIND.request, name), options);
    }
    const encoded = encode(value, { kind: KIND.request, name });
    return withDeadline(
      options,
      async (signal) => {
        const loan = await this.#lend(encoded, signal);
        try {
          return await this.channel.request(loan, { signal });
        } finally {
          loan.release();
        }
      },
      () => `the request '${name}' was not answered`,
    );
  }

  async #lend(encoded: Encoded, signal: AbortSignal | undefined) {
    const loan = await this.channel.loan(encoded.byteLength, { signal });
    try {
      encoded.writeTo(loan.bytes);
      return loan;
    } catch (error) {
      loan.release();
      throw error;
    }
  }

  /** Answers a request. Where the answer reaches nobody any more, there is nothing to be done about it. */
  async #serve(delivery: ChannelDelivery): Promise<void> {
    try {
      await this.#answer(delivery);
    } catch {
      // The channel has ended: its own calls say so.
    } finally {
      delivery.release();
    }
  }

  async #answer(delivery: ChannelDelivery): Promise<void> {
    const message = await this.#readRequest(delivery);
    if (message === undefined) return;
    try {
      const handler = this.#handlers.get(message.name);
      if (handler === undefined) {
        await this.#respond(delivery, encode(message.name, { kind: KIND.noHandler }));
        return;
      }
      await this.#respond(delivery, await this.#run(handler, message));
    } finally {
      message.release();
    }
  }

  /** One that cannot be read is answered with why. */
  async #readRequest(delivery: ChannelDelivery): Promise<ReceivedMessage<never> | undefined> {
    // A hold of its own: what is released before it was answered is no request any more.
    delivery.retain();
    let message: ReceivedMessage<never> | undefined;
    try {
      message = new ReceivedMessage<never>(delivery, false);
      must(message, KIND.request);
      return message;
    } catch (error) {
      if (message === undefined) delivery.release();
      else message.release();
      await delivery.reject(error);
      return undefined;
    }
  }

  async #run(
    handler: RequestHandler,
    message: ReceivedMessage<never>,
  ): Promise<Encoded | Composed<unknown>> {
    try {
      const answer = await handler(message.value, { message, signal: this.#over.signal });
      return isComposed(answer) ? answer : encode(answer, { kind: KIND.answer });
    } catch (error) {
      return encodeFailure(error);
    }
  }

  async #respond(delivery: ChannelDelivery, answer: Encoded | Composed<unknown>): Promise<void> {
    const { signal } = this.#over;
    const loan = isComposed(answer)
      ? answer.prepare(KIND.answer, '')
      : await this.#lendAnswer(delivery, answer, signal);
    try {
      await delivery.respond(loan);
    } finally {
      loan.release();
    }
  }

  /** An answer that no memory can hold is told as the error that it is. */
  async #lendAnswer(delivery: ChannelDelivery, answer: Encoded, signal: AbortSignal) {
    try {
      return await this.#lend(answer, signal);
    } catch (error) {
      if (!signal.aborted) await delivery.reject(error);
      throw error;
    }
  }

  /** Hands a message to the listeners, if there are any. */
  #tell(delivery: ChannelDelivery): boolean {
    if (this.#onMessage.size === 0) return false;
    try {
      // For each lifetime one: who keeps its buffers does not see them change.
      const copied = this.#message(delivery.retain(), true);
      const inPlace = this.#message(delivery, false);
      void this.#callListeners(copied, inPlace);
    } catch (error) {
      delivery.release();
      this.#tellError(error);
    }
    return true;
  }

  /** A message for the listeners with this lifetime; `undefined` if there are none. */
  #message(delivery: ChannelDelivery, isCopied: boolean): Message | undefined {
    if ([...this.#onMessage.values()].includes(isCopied)) return readMessage(delivery, isCopied);
    delivery.release();
    return undefined;
  }

  async #callListeners(copied: Message | undefined, inPlace: Message | undefined): Promise<void> {
    const calls = [...this.#onMessage].map(async ([listener, isCopied]) => {
      const message = isCopied ? copied : inPlace;
      if (message !== undefined) await listener(message.value, message);
    });
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'rejected') throwUncaught(outcome.reason);
    }
    inPlace?.release();
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
    if (error !== undefined) this.#over.abort(error);
    for (const listener of this.#onClose) callSafely(() => listener(error));
  }

  #adjust(): void {
    const listeners = this.#onMessage.size;
    this.#inbox.servesAll = this.#handlers.size + listeners > 0;
  }
}

/** @throws `PEER_MISBEHAVED`; the delivery is released then. */
function readMessage<T>(delivery: Delivery, copy: boolean): ReceivedMessage<T> {
  try {
    const message = new ReceivedMessage<T>(delivery, copy);
    must(message, KIND.message);
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
    const message = new ReceivedMessage<T>(delivery, isCopied);
    must(message, KIND.answer, KIND.failure, KIND.noHandler);
    if (message.kind !== KIND.answer) throw failureOf(message);
    return message;
  } catch (error) {
    delivery.release();
    throw error;
  }
}

function failureOf({ kind, value }: ReceivedMessage<unknown>): PageferryError {
  if (kind === KIND.noHandler) {
    return new PageferryError('NO_HANDLER', `the other side handles no request '${String(value)}'`);
  }
  const why = types.isNativeError(value) ? value.message : String(value);
  return new PageferryError('REQUEST_FAILED', `the other side answered with an error: ${why}`, {
    cause: value,
  });
}

function must({ kind }: ReceivedMessage<unknown>, ...kinds: readonly Kind[]): void {
  if (kinds.includes(kind)) return;
  throw new PageferryError('PEER_MISBEHAVED', `a message is of another kind (${kind}) than it is`);
}

function isComposed(value: unknown): value is Composed<unknown> {
  return value instanceof Composed;
}

function checkName(name: unknown): void {
  const isName = typeof name === 'string' && name !== '';
  if (!isName || Buffer.byteLength(name) > MAX_NAME_BYTES) {
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
