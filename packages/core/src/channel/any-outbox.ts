import { passesNoDescriptors } from '../base/attaching.js';
import type { AcceptOutcome, LoanMemory, Outbox } from '../base/hooks.js';
import type { ReceivedDescriptor } from '../contract/descriptors.js';
import type { ReceiverInfo } from '../contract/sender.js';
import type { BaseChannel } from './base-channel.js';

/** Lends memory that any channel of a listener can send. */
export interface Lender<M extends LoanMemory>
  extends Pick<Outbox<M>, 'allocate' | 'free' | 'bytesOut' | 'sharedBytes' | 'settle'> {
  /** See {@link Outbox.duplicate}. */
  duplicate?(fd: number): ReceivedDescriptor;
  /** See {@link Outbox.attach}. */
  attach?(memory: M, descriptors: readonly ReceivedDescriptor[]): void;
  /** Keeps what is in `memory`, though everybody may have given it back. */
  keep(memory: M): void;
  /** Ends {@link keep}: the memory is free once everybody has given it back. */
  letGo(memory: M): void;
  /**
   * The memory of a message that was sent, and kept, is lent again, with what is in it. It may show new
   * `bytes`, as many as `byteLength`.
   */
  lendAgain(memory: M, byteLength: number): void;
}

/** Gives a message to a channel by `accept`, which gets the word that says what it asks there (`exchange.ts`). */
export type Offer = (
  channel: BaseChannel,
  accept: (exchange: number) => AcceptOutcome,
) => AcceptOutcome;

/** What an {@link AnyOutbox} needs. */
export interface AnyOutboxSettings<M extends LoanMemory> {
  readonly lender: Lender<M>;
  /** The channels that there are now. */
  readonly channels: () => readonly BaseChannel[];
  /** How many messages may be under way to each. */
  readonly maxUnderWay: number;
}

/**
 * Gives each message to one of several channels: to the one that has the fewest under way. The one that it was given
 * to longest ago goes first among equals.
 */
export class AnyOutbox<M extends LoanMemory> implements Outbox<M> {
  readonly #settings: AnyOutboxSettings<M>;
  /** How messages are given that are no ordinary ones. */
  readonly #offers = new Map<M, Offer>();
  /** The channel that each message was given to. */
  readonly #givenTo = new WeakMap<M, BaseChannel>();
  /** When each channel got its last message. */
  readonly #last = new WeakMap<BaseChannel, number>();
  #count = 0;

  constructor(settings: AnyOutboxSettings<M>) {
    this.#settings = settings;
  }

  get bytesOut(): number {
    return this.#settings.lender.bytesOut;
  }

  allocate(byteLength: number): M | undefined {
    return this.#settings.lender.allocate(byteLength);
  }

  free(memory: M): void {
    this.#settings.lender.free(memory);
  }

  duplicate(fd: number): ReceivedDescriptor {
    const duplicate = this.#settings.lender.duplicate?.(fd);
    if (duplicate === undefined) throw passesNoDescriptors();
    return duplicate;
  }

  attach(memory: M, descriptors: readonly ReceivedDescriptor[]): void {
    this.#settings.lender.attach?.(memory, descriptors);
  }

  /** Has the message in `memory` be given by `offer`, until that is taken back. */
  setOffer(memory: M, offer: Offer | undefined): void {
    if (offer === undefined) this.#offers.delete(memory);
    else this.#offers.set(memory, offer);
  }

  accept(memory: M, byteLength: number, tag: number): AcceptOutcome {
    const channels = this.#settings.channels().filter(({ finished }) => !finished);
    const offer = this.#offers.get(memory) ?? ((_, accept) => accept(0));
    let someAreThere = false;
    for (const channel of this.#byLoad(channels)) {
      const outcome = offer(channel, (exchange) =>
        channel.acceptMemory(memory, byteLength, tag, exchange),
      );
      if (outcome === 'full') someAreThere = true;
      if (outcome !== 'sent') continue;
      this.#givenTo.set(memory, channel);
      this.#last.set(channel, ++this.#count);
      return 'sent';
    }
    return someAreThere || channels.some((channel) => !this.#isFree(channel))
      ? 'full'
      : 'no-receiver';
  }

  settle(): void {
    // Each channel is pushed on when it is asked whether its messages have left.
    this.#settings.lender.settle();
  }

  get hasLeft(): boolean {
    // All of them are asked, though one may answer for all.
    return this.#settings.channels().filter((channel) => !channel.hasLeft).length === 0;
  }

  wayOf(memory: M): BaseChannel | undefined {
    return this.#givenTo.get(memory);
  }

  get isIdle(): boolean {
    return this.#settings.channels().every((channel) => channel.underWay === 0);
  }

  list(): readonly ReceiverInfo[] {
    return this.#settings.channels().flatMap((channel) => channel.behind);
  }

  count(): number {
    return this.#settings.channels().length;
  }

  #isFree(channel: BaseChannel): boolean {
    return channel.underWay < this.#settings.maxUnderWay;
  }

  #byLoad(channels: readonly BaseChannel[]): readonly BaseChannel[] {
    const lastOf = (channel: BaseChannel): number => this.#last.get(channel) ?? 0;
    return channels
      .filter((channel) => this.#isFree(channel))
      .sort((a, b) => a.underWay - b.underWay || lastOf(a) - lastOf(b));
  }
}
