import type { BaseDelivery } from '../base/base-delivery.js';
import type { InboundMessage } from '../base/hooks.js';
import type { PendingRequest } from '../contract/channel.js';
import type { Delivery } from '../contract/receiver.js';
import type { WaitOptions } from '../contract/transport.js';
import { Magnitudes, microseconds } from '../diagnostics/magnitudes.js';
import { PageferryError } from '../errors.js';
import { EXCHANGE, exchangeKind, exchangeNumber, LAST_REQUEST } from './exchange.js';
import { requestFailed } from './remote-error.js';

/** What a question asks of the channel it was asked over. Implemented by `BaseChannel`. */
export interface RequestChannel {
  /** Looks whether its answer has come, without waiting. @throws as `Channel.request`. */
  lookFor(request: OpenRequest): void;
  /** Waits for its answer. @throws as `Channel.request`. */
  awaitAnswer(request: OpenRequest, options: WaitOptions): Promise<Delivery>;
  abandonRequest(request: OpenRequest): void;
}

const NOTHING: WaitOptions = {};

/** A question that waits for its answer. */
export class OpenRequest implements PendingRequest {
  readonly #channel: RequestChannel;
  readonly number: number;
  /** What has come: the answer, or why there is none. */
  arrived: BaseDelivery<InboundMessage> | undefined;
  failure: unknown;
  /** True once nobody waits any more: the answer is released when it comes. */
  isAbandoned = false;

  constructor(channel: RequestChannel, number: number) {
    this.#channel = channel;
    this.number = number;
  }

  /** True once an answer or an error has come. */
  get isSettled(): boolean {
    return this.arrived !== undefined || this.failure !== undefined;
  }

  tryAnswer(): Delivery | undefined {
    if (!this.isSettled) this.#channel.lookFor(this);
    if (this.failure !== undefined) throw this.failure;
    return this.arrived;
  }

  answer(options: WaitOptions = NOTHING): Promise<Delivery> {
    return this.#channel.awaitAnswer(this, options);
  }

  abandon(): void {
    if (this.isSettled) return;
    this.failure = new PageferryError('ABORTED', 'this request was given up');
    this.#channel.abandonRequest(this);
  }
}

/** How many places there are for questions to begin with. A power of two. */
const FIRST_PLACES = 16;

/**
 * The questions of one side that were asked and not answered. Each lies at the place that its number says, modulo the
 * places: a Map would leave garbage with every question.
 */
export class OpenRequests {
  readonly #channel: RequestChannel;
  #places: (OpenRequest | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  #count = 0;
  #last = 0;
  /** When each was asked, and how long its answer took: if that is to be known. */
  readonly #asked: WeakMap<OpenRequest, number> | undefined;
  readonly answered: Magnitudes | undefined;

  /**
   * @param channel that they are asked over.
   * @param measures whether to note how long answers take.
   */
  constructor(channel: RequestChannel, measures: boolean) {
    this.#channel = channel;
    this.#asked = measures ? new WeakMap() : undefined;
    this.answered = measures ? new Magnitudes() : undefined;
  }

  /** How many there are, with those that were given up. */
  get count(): number {
    return this.#count;
  }

  /** True while no question is open: what who takes in answers for nobody waits for. */
  get isSettled(): boolean {
    return this.#count === 0;
  }

  /** A question with a number whose place is free, and which no other has, therefore. */
  begin(): OpenRequest {
    if (this.#count * 2 >= this.#places.length) this.#grow();
    do {
      this.#last = this.#last === LAST_REQUEST ? 1 : this.#last + 1;
    } while (this.#places[this.#placeOf(this.#last)] !== undefined);
    const request = new OpenRequest(this.#channel, this.#last);
    this.#places[this.#placeOf(request.number)] = request;
    this.#count++;
    this.#asked?.set(request, microseconds());
    return request;
  }

  /** A question that was not sent, or that needs no answer any more. Harmless if it is not open. */
  forget(request: OpenRequest): void {
    if (!this.has(request)) return;
    this.#places[this.#placeOf(request.number)] = undefined;
    this.#count--;
  }

  /** True until it is answered, or forgotten. */
  has(request: OpenRequest): boolean {
    return this.#places[this.#placeOf(request.number)] === request;
  }

  /** True if nobody waits for one of them any more. */
  get someAreAbandoned(): boolean {
    return this.#places.some((request) => request?.isAbandoned === true);
  }

  /** Forgets all that nobody waits for. Should an answer come all the same, it is released. */
  forgetAbandoned(): void {
    for (const request of this.#places) if (request?.isAbandoned) this.forget(request);
  }

  /** Gives an answer to who has asked. One that nobody waits for is released. */
  settle(delivery: BaseDelivery<InboundMessage>): void {
    const { exchange = 0, failure } = delivery.message;
    const number = exchangeNumber(exchange);
    const place = this.#placeOf(number);
    const request = this.#places[place];
    if (request?.number !== number) {
      delivery.release();
      return;
    }
    this.#places[place] = undefined;
    this.#count--;
    this.answered?.addSince(this.#asked?.get(request) ?? 0);
    if (request.isAbandoned) {
      delivery.release();
      return;
    }
    if (exchangeKind(exchange) === EXCHANGE.answer) {
      request.arrived = delivery;
      return;
    }
    try {
      request.failure = failure ?? requestFailed(delivery.bytes);
    } finally {
      delivery.release();
    }
  }

  #placeOf(number: number): number {
    return number & (this.#places.length - 1);
  }

  /** Numbers that differ modulo the places differ modulo twice as many. */
  #grow(): void {
    const requests = this.#places;
    this.#places = new Array(requests.length * 2).fill(undefined);
    for (const request of requests) {
      if (request !== undefined) this.#places[this.#placeOf(request.number)] = request;
    }
  }
}
