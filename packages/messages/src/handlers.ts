import {
  type Channel,
  type ChannelDelivery,
  LazyAbort,
  type Loan,
  PageferryError,
} from '@pageferry/core';
import { type Encoded, encode, encodeFailure } from './encode.js';
import { KIND, requestNumberOf } from './format.js';
import { lend, lendAtOnce } from './lend.js';
import { Composed, mustBe, ReceivedMessage } from './message.js';
import type { HandlerContext, RequestHandler } from './port.js';
import type { SendOrder } from './send-order.js';

/** Answers the requests of a channel by the handlers of their names. */
export class Handlers {
  readonly #channel: Channel;
  readonly #order: SendOrder;
  readonly #handlers = new Map<string, RequestHandler>();
  /** Those that can be given up by who has asked, by their numbers. */
  readonly #underWay = new Map<number, Serving>();
  /** Fires when no answer can reach anybody any more. */
  readonly #over = new AbortController();

  /** @param order of all that is sent over the channel. */
  constructor(channel: Channel, order: SendOrder) {
    this.#channel = channel;
    this.#order = order;
  }

  get count(): number {
    return this.#handlers.size;
  }

  has(name: string): boolean {
    return this.#handlers.has(name);
  }

  add(name: string, handler: RequestHandler): void {
    this.#handlers.set(name, handler);
  }

  remove(name: string): void {
    this.#handlers.delete(name);
  }

  /** No answer can reach anybody any more. */
  end(reason?: unknown): void {
    this.#over.abort(reason);
    for (const serving of this.#underWay.values()) serving.abort(this.#over.signal.reason);
  }

  /** Who has asked has given this request up. Of one that was answered there is nothing to be told. */
  giveUp(number: number): void {
    const serving = this.#underWay.get(number);
    if (serving === undefined) return;
    serving.isGivenUp = true;
    serving.abort(new PageferryError('ABORTED', 'the one who has asked has given up'));
  }

  /** Answers a request, and releases it. Where the answer reaches nobody any more, there is nothing to be done about it. */
  async serve(delivery: ChannelDelivery): Promise<void> {
    let number = 0;
    let serving: Serving | undefined;
    try {
      number = requestNumberOf(delivery.bytes);
      const message = readRequest(delivery);
      serving = new Serving(message, this.#over.signal, number !== 0);
      if (number !== 0) this.#underWay.set(number, serving);
      await this.#answer(delivery, serving);
    } catch (error) {
      // What cannot be read, or be answered with, is answered with why. Where that was answered before, or the channel has ended,
      // it fails, too.
      await delivery.reject(error).catch(() => undefined);
    } finally {
      if (number !== 0 && this.#underWay.get(number) === serving) this.#underWay.delete(number);
      serving?.message.release();
      delivery.release();
    }
  }

  async #answer(delivery: ChannelDelivery, serving: Serving): Promise<void> {
    const { name, value } = serving.message;
    const handler = this.#handlers.get(name);
    let answer: Encoded | Composed<unknown>;
    if (handler === undefined) answer = encode(name, { kind: KIND.noHandler });
    else {
      try {
        const returned = handler(value, serving);
        // What is there already is sent before anything else is done.
        const result = isPromiseLike(returned) ? await returned : returned;
        answer = result instanceof Composed ? result : encode(result, { kind: KIND.answer });
      } catch (error) {
        answer = encodeFailure(error);
      }
    }
    // One that nobody waits for is not answered: the channel says so, without bytes.
    if (!serving.isGivenUp) await this.#respond(delivery, answer, serving);
    else if (answer instanceof Composed) answer.release();
  }

  #respond(
    delivery: ChannelDelivery,
    answer: Encoded | Composed<unknown>,
    { message }: Serving,
  ): Promise<unknown> {
    if (answer instanceof Composed) {
      return respondWith(delivery, answer.prepare(KIND.answer, ''), message);
    }
    const loan = lendAtOnce(this.#channel, this.#order, answer);
    return loan === undefined
      ? this.#respondLater(delivery, answer, message)
      : respondWith(delivery, loan, message);
  }

  /** Where there is no room for the answer yet. */
  async #respondLater(
    delivery: ChannelDelivery,
    answer: Encoded,
    message: ReceivedMessage<never>,
  ): Promise<void> {
    await this.#order.run(
      () => lend(this.#channel, answer, this.#over.signal),
      (loan) => respondWith(delivery, loan, message),
    );
  }
}

function respondWith(
  delivery: ChannelDelivery,
  loan: Loan,
  message: ReceivedMessage<never>,
): Promise<unknown> {
  const responding = delivery.respond(loan);
  if (loan.owned) return responding.finally(() => loan.release());
  // It has left, and has its own memory. Who has asked takes that of the request again for the next one, if it is back
  // by the time that the answer comes: it is in the processor's cache still.
  message.release();
  delivery.release();
  return responding;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function';
}

/** A request that is being answered. */
class Serving extends LazyAbort implements HandlerContext {
  readonly message: ReceivedMessage<never>;
  readonly #over: AbortSignal;
  readonly #mayBeGivenUp: boolean;
  isGivenUp = false;

  constructor(message: ReceivedMessage<never>, over: AbortSignal, mayBeGivenUp: boolean) {
    super();
    this.message = message;
    this.#over = over;
    this.#mayBeGivenUp = mayBeGivenUp;
  }

  override get signal(): AbortSignal {
    if (!this.#mayBeGivenUp) return this.#over;
    if (this.#over.aborted) this.abort(this.#over.reason);
    return super.signal;
  }
}

/**
 * Reads a request, with a hold of its own: what is released before it was answered is no request any more.
 *
 * @throws `PEER_MISBEHAVED`; then it has no hold.
 */
function readRequest(delivery: ChannelDelivery): ReceivedMessage<never> {
  delivery.retain();
  let message: ReceivedMessage<never> | undefined;
  try {
    message = new ReceivedMessage<never>(delivery, 'explicit');
    mustBe(message, KIND.request);
    return message;
  } catch (error) {
    if (message === undefined) delivery.release();
    else message.release();
    throw error;
  }
}
