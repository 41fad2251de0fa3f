import {
  type AttachedDescriptor,
  asyncDispose,
  type Channel,
  type ChannelDelivery,
  type ChannelStats,
  type Delivery,
  isLentByAnother,
  type Loan,
  type MessageInfo,
  type Payload,
  type PeerCredentials,
  type PendingRequest,
  type SendDescriptorsOptions,
  type SendOptions,
  type SendOutcome,
  type SpliceDestination,
  type SpliceOptions,
  type SpliceResult,
  type WaitOptions,
} from '@pageferry/core';
import type { Life } from './life.js';

/** A channel to a child: where the child's death ends a call, the error says how it has died. */
export class ChildsChannel implements Channel {
  readonly #channel: Channel;
  readonly #life: Life;

  constructor(channel: Channel, life: Life) {
    this.#channel = channel;
    this.#life = life;
  }

  get peer(): PeerCredentials | undefined {
    return this.#channel.peer;
  }

  get closed(): boolean {
    return this.#channel.closed;
  }

  get ended(): boolean {
    return this.#channel.ended;
  }

  get finished(): boolean {
    return this.#channel.finished;
  }

  /** See `Lending`. */
  hasLent(loan: Loan): boolean {
    return !isLentByAnother(loan, this.#channel);
  }

  loan(byteLength: number, options?: WaitOptions): Promise<Loan> {
    return this.#explained(this.#channel.loan(byteLength, options));
  }

  tryLoan(byteLength: number): Loan | undefined {
    return this.#explainedNow(() => this.#channel.tryLoan(byteLength));
  }

  send(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options?: SendOptions,
  ): Promise<SendOutcome> {
    return this.#explained(this.#channel.send(bytes, options));
  }

  sendDescriptors(
    descriptors: readonly AttachedDescriptor[],
    options?: SendDescriptorsOptions,
  ): Promise<SendOutcome> {
    return this.#explained(this.#channel.sendDescriptors(descriptors, options));
  }

  sendMany(loans: readonly Loan[], options?: WaitOptions): Promise<SendOutcome> {
    return this.#explained(this.#channel.sendMany(loans, options));
  }

  flush(options?: WaitOptions): Promise<void> {
    return this.#explained(this.#channel.flush(options));
  }

  finish(options?: WaitOptions): Promise<void> {
    return this.#explained(this.#channel.finish(options));
  }

  request(question: Payload, options?: SendOptions): Promise<Delivery> {
    return this.#explained(this.#channel.request(question, options));
  }

  tryRequest(question: Loan): PendingRequest | undefined {
    const pending = this.#explainedNow(() => this.#channel.tryRequest(question));
    if (pending === undefined) return undefined;
    return {
      tryAnswer: () => this.#explainedNow(() => pending.tryAnswer()),
      answer: (options) => this.#explained(pending.answer(options)),
      abandon: () => pending.abandon(),
    };
  }

  receive(options?: WaitOptions): Promise<ChannelDelivery | undefined> {
    return this.#explained(this.#channel.receive(options));
  }

  tryReceive(): ChannelDelivery | undefined {
    return this.#explainedNow(() => this.#channel.tryReceive());
  }

  peek(): MessageInfo | undefined {
    return this.#channel.peek();
  }

  receiveMany(max: number, options?: WaitOptions): Promise<readonly ChannelDelivery[]> {
    return this.#explained(this.#channel.receiveMany(max, options));
  }

  releaseMany(deliveries: readonly Delivery[]): void {
    this.#channel.releaseMany(deliveries);
  }

  spliceTo(
    destination: SpliceDestination,
    options?: SpliceOptions,
  ): Promise<SpliceResult | undefined> {
    return this.#explained(this.#channel.spliceTo(destination, options));
  }

  close(options?: WaitOptions): Promise<void> {
    return this.#channel.close(options);
  }

  destroy(): Promise<void> {
    return this.#channel.destroy();
  }

  ref(): this {
    this.#channel.ref();
    return this;
  }

  unref(): this {
    this.#channel.unref();
    return this;
  }

  stats(): ChannelStats {
    return this.#channel.stats();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChannelDelivery, undefined> {
    for (;;) {
      const delivery = await this.receive();
      if (delivery === undefined) return undefined;
      yield delivery;
    }
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Of a child whose end has not been told yet, how it has ended is not known. */
  #explainedNow<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.#life.explainNow(error);
    }
  }

  async #explained<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      throw await this.#life.explain(error);
    }
  }
}
