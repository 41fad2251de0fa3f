import { checkArrayOf, checkInteger } from '../checks.js';
import type { Bytes, OwnBuffer } from '../contract/bytes.js';
import type { Delivery } from '../contract/receiver.js';
import type { SharedDelivery } from '../contract/threads.js';
import { dispose } from '../dispose.js';
import { PageferryError } from '../errors.js';
import { bytesDetached } from './detached.js';
import type { Batch } from './drop-reports.js';
import type { InboundMessage } from './hooks.js';

/** What a delivery asks of the receiver it came from. Implemented by `BaseReceiver`. */
export interface DeliveryOwner<M extends InboundMessage> {
  /** True once its deliveries have no bytes any more. */
  readonly closed: boolean;
  /** See `Delivery.untilCollected`. Nothing is left to the collector by who has none. */
  leaveToCollector?(delivery: BaseDelivery<M>): Bytes | undefined;
  /** See `Delivery.forThreads`. Nothing is shown to other threads by who has none. */
  shareWithThreads?(delivery: BaseDelivery<M>, threads: number): SharedDelivery | undefined;
  /** Takes the memory back. Called once for each delivery. */
  releaseDelivery(delivery: BaseDelivery<M>): void;
}

/** What is counted in 32 bits. */
const MAX_THREADS = 2 ** 31 - 1;

/** The one implementation of {@link Delivery}: it knows who owns the memory, and nothing of transports. */
export class BaseDelivery<M extends InboundMessage> implements Delivery {
  readonly #owner: DeliveryOwner<M>;
  /** How often it is still to be released. */
  #holds = 1;
  readonly #batch: Batch;
  /** The backend's message behind the delivery. For `BaseReceiver` and backends only. */
  readonly message: M;
  readonly byteLength: number;

  /**
   * @param byteLength of `message.bytes`: asking the array costs each message a call.
   * @param batch from the owner's `DropReports`.
   */
  constructor(owner: DeliveryOwner<M>, message: M, byteLength: number, batch: Batch) {
    this.#owner = owner;
    this.#batch = batch;
    this.message = message;
    this.byteLength = byteLength;
  }

  /** Whether it came from this receiver. For `BaseReceiver` only. */
  isOf(owner: DeliveryOwner<M>): boolean {
    return this.#owner === owner;
  }

  /** True until it is released. */
  get held(): boolean {
    return this.#holds > 0;
  }

  get bytes(): Bytes {
    this.checkHeld();
    const { bytes } = this.message;
    if (bytes.length !== this.byteLength) throw bytesDetached('delivery');
    return bytes;
  }

  get sequence(): number {
    return this.message.sequence;
  }

  get tag(): number {
    return this.message.tag;
  }

  get offset(): number {
    return this.message.offset;
  }

  get released(): boolean {
    return this.#holds === 0 || this.#owner.closed;
  }

  copy(): OwnBuffer {
    return Buffer.from(this.bytes);
  }

  retain(): this {
    this.checkHeld();
    this.#holds++;
    return this;
  }

  untilCollected(): Bytes | undefined {
    this.checkHeld();
    return this.#owner.leaveToCollector?.(this);
  }

  forThreads(threads = 1): SharedDelivery {
    checkInteger('threads', threads, 1, MAX_THREADS);
    this.checkHeld();
    const shared = this.#owner.shareWithThreads?.(this, threads);
    if (shared !== undefined) return shared;
    throw new PageferryError(
      'NOT_SUPPORTED',
      'this receiver shares nothing with other threads: create it with sharedToThreads: true, which shared-mmap has',
    );
  }

  release(): void {
    if (this.#holds === 0 || --this.#holds > 0) return;
    this.#batch.giveBack(this.byteLength);
    this.#owner.releaseDelivery(this);
  }

  [dispose](): void {
    this.release();
  }

  /** @throws `DELIVERY_RELEASED`. */
  protected checkHeld(): void {
    if (!this.released) return;
    throw new PageferryError(
      'DELIVERY_RELEASED',
      'this delivery was released: its memory may hold another message by now',
    );
  }
}

/**
 * Passes the deliveries of a receiver.
 *
 * @throws `INVALID_ARGUMENT` for anything else.
 */
export function checkDeliveries<M extends InboundMessage>(
  deliveries: readonly Delivery[],
  owner: DeliveryOwner<M>,
): readonly BaseDelivery<M>[] {
  const isOwn = (delivery: unknown): delivery is BaseDelivery<M> =>
    delivery instanceof BaseDelivery && delivery.isOf(owner);
  return checkArrayOf('deliveries', deliveries, 'an array of deliveries of this receiver', isOwn);
}
