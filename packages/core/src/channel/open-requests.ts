import type { BaseDelivery } from '../base/base-delivery.js';
import type { InboundMessage } from '../base/hooks.js';
import { EXCHANGE, exchangeKind, exchangeNumber, LAST_REQUEST } from './exchange.js';
import { requestFailed } from './remote-error.js';

/** A question that waits for its answer. */
export class OpenRequest {
  readonly number: number;
  /** What has come: the answer, or the error that the other side answered with. */
  answer: BaseDelivery<InboundMessage> | undefined;
  failure: unknown;
  /** True once nobody waits any more: the answer is released when it comes. */
  isAbandoned = false;

  constructor(number: number) {
    this.number = number;
  }

  /** True once an answer or an error has come. */
  get isSettled(): boolean {
    return this.answer !== undefined || this.failure !== undefined;
  }
}

/** The questions of one side that were asked and not answered. */
export class OpenRequests {
  readonly #open = new Map<number, OpenRequest>();
  #last = 0;

  /** How many there are, with those that were given up. */
  get count(): number {
    return this.#open.size;
  }

  /** A question with a number that no other has. */
  begin(): OpenRequest {
    do {
      this.#last = this.#last === LAST_REQUEST ? 1 : this.#last + 1;
    } while (this.#open.has(this.#last));
    const request = new OpenRequest(this.#last);
    this.#open.set(request.number, request);
    return request;
  }

  /** A question that was not sent, or that needs no answer any more. */
  forget(request: OpenRequest): void {
    this.#open.delete(request.number);
  }

  /** True until it is answered, or forgotten. */
  has(request: OpenRequest): boolean {
    return this.#open.get(request.number) === request;
  }

  /** Forgets all that nobody waits for. Should an answer come all the same, it is released. */
  forgetAbandoned(): void {
    for (const request of this.#open.values()) if (request.isAbandoned) this.forget(request);
  }

  /** Gives an answer to who has asked. One that nobody waits for is released. */
  settle(delivery: BaseDelivery<InboundMessage>): void {
    const { exchange = 0 } = delivery.message;
    const request = this.#open.get(exchangeNumber(exchange));
    if (request === undefined) {
      delivery.release();
      return;
    }
    this.#open.delete(request.number);
    if (exchangeKind(exchange) === EXCHANGE.answer && !request.isAbandoned) {
      request.answer = delivery;
      return;
    }
    try {
      request.failure = requestFailed(delivery.bytes);
    } finally {
      delivery.release();
    }
  }
}
