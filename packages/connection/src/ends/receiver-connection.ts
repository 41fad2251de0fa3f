import { inheritedDescriptor, senderAt, senderDied } from '@pageferry/core';
import { isCutOff } from '../control/is-cut-off.js';
import { CUT_OFF, PARKED, SENDER, WAITS_FOR } from '../control/layout.js';
import { loadInOrder } from '../control/load-in-order.js';
import {
  type DeliverySource,
  QueueConsumer,
  type QueuePlace,
  QueueProducer,
} from '../control/queue.js';
import { sumOf } from '../control/sum-of.js';
import { cutOffBySender, senderMisbehaved } from '../sender-errors.js';
import { Connection, type ConnectionParts } from './connection.js';

/** What a mechanism needs at the receiver's end. */
export interface ReceiverTerms<Queue extends DeliverySource = QueueConsumer> {
  /** Makes the consuming end of the delivery queue, or of what takes its place. */
  readonly openQueue: (words: Int32Array, place: QueuePlace) => Queue;
  /** Where the counters are that the sender publishes, beside that of the deliveries. */
  readonly senderCounters?: readonly number[];
  /** A number that grows with what the sender publishes anywhere else. */
  readonly senderProgress?: () => number;
}

/** For a mechanism whose queue is nothing but a queue. */
export const PLAIN_RECEIVER: ReceiverTerms = {
  openQueue: (words, place) => new QueueConsumer(words, place),
};

/** The receiver's end of a connection. */
export class ReceiverConnection<Queue extends DeliverySource = QueueConsumer> extends Connection {
  /** What comes from the sender. Unchecked: it may lie. */
  readonly deliveries: Queue;
  readonly #returns: QueueProducer;
  #sender = 'the sender';

  constructor(parts: ConnectionParts, terms: ReceiverTerms<Queue>) {
    const { openQueue, senderCounters = [], senderProgress = () => 0 } = terms;
    const counters = [SENDER.delivered, SENDER.finished, ...senderCounters];
    super(
      parts,
      parts.receiverBell,
      parts.senderBell,
      () => (sumOf(parts.memory.words, counters) + senderProgress()) | 0,
    );
    const { deliveries, returns } = parts.memory;
    this.deliveries = openQueue(this.words, deliveries);
    this.#returns = new QueueProducer(this.words, returns);
  }

  /** Names the sender for errors. Who has made a pair of sockets need not be who uses it. */
  nameSender(endpoint: string): string {
    const inherited = inheritedDescriptor(endpoint) !== undefined;
    this.#sender = senderAt(endpoint, inherited ? undefined : this.link.socket.peerCredentials());
    return this.#sender;
  }

  /**
   * What it means that a look for deliveries has found none: 0 if more may come, how many came in
   * between, or `'end'` after an orderly end.
   *
   * @throws `PEER_DIED` if nothing will come any more, `PEER_MISBEHAVED` if the sender was cut off,
   *   `PEER_REJECTED` if it has cut this receiver off, or what failed on this side.
   */
  lookAgain(): number | 'end' {
    const { finished, isCutOff } = this;
    if (!finished && !isCutOff && !this.peerGone) return 0;
    if (isCutOff) this.deliveries.stop();
    // What was published before the end is there by now, and still to be taken.
    const available = this.deliveries.available();
    if (available !== 0) return available;
    if (finished && !isCutOff) return 'end';
    throw this.endedBy();
  }

  /**
   * The error for a sender that is gone: it has died, or was cut off for what it did, or has cut this
   * side off, or what failed on this side.
   *
   * @param when how far it had come: `'in the middle of a message'`.
   */
  endedBy(when?: string): unknown {
    if (this.failure !== undefined) return this.failure;
    const cutOff = Atomics.load(this.words, SENDER.cutOff);
    if (this.isCutOff) return cutOffBySender(cutOff === CUT_OFF.accused);
    if (this.link.isAccused) return senderMisbehaved('it gave back what it did not have');
    return this.link.ringsInVain
      ? senderMisbehaved('its doorbell rings and rings, and there is nothing new')
      : senderDied(this.#sender, when);
  }

  /** Gives a message back; wakes a sender that waits for one. */
  giveBack(first: number, second: number): void {
    this.sayOfMessage(first, second);
    this.wakeSenderThatWaitsFor(WAITS_FOR.returns);
  }

  /** Puts an entry into the return queue. Wakes nobody. */
  sayOfMessage(first: number, second: number): void {
    this.#returns.pushPair(first, second);
  }

  /** Rings the sender if it is parked, and waits for any of this. Costs one load otherwise. */
  wakeSenderThatWaitsFor(what: number): void {
    if ((loadInOrder(this.words, PARKED.sender) & what) !== 0) this.#ringParked();
  }

  #ringParked(): void {
    if (Atomics.exchange(this.words, PARKED.sender, 0) !== 0) this.link.ring();
  }

  /**
   * True once the sender has said that nothing more comes, in good order. Ask after a look for
   * deliveries, and look once more: some may have come in between.
   */
  get finished(): boolean {
    // In order first: whoever polls asks each time, and `Atomics.load` is a call.
    return (
      loadInOrder(this.words, SENDER.finished) === 1 &&
      Atomics.load(this.words, SENDER.finished) === 1
    );
  }

  /** True once the sender, which lives, has given this side up. */
  get isCutOff(): boolean {
    return isCutOff(this.words);
  }

  /** Says that this side parks. Look once more before parking. */
  park(): void {
    Atomics.store(this.words, this.parkedReceiver, 1);
  }

  protected override peerLeft(): void {
    // Nothing is taken from a sender that has cut this side off, though some may wait.
    if (this.isCutOff) this.deliveries.stop();
  }
}
