import { type DescriptorWatcher, type LinuxCalls, POLLRDHUP } from '@pageferry/linux';
import { CUT_OFF, PARKED, RECEIVER, SENDER } from '../control/layout.js';
import { loadInOrder } from '../control/load-in-order.js';
import { QueueConsumer, type QueuePlace, QueueProducer } from '../control/queue.js';
import { sumOf } from '../control/sum-of.js';
import { Connection, type ConnectionParts } from './connection.js';

/** What a mechanism needs at the sender's end. */
export interface SenderTerms<Queue = QueueProducer> {
  /** Makes the producing end of the delivery queue, or whatever takes its place. */
  readonly openQueue: (words: Int32Array, place: QueuePlace) => Queue;
  /** Where the counters are that the receiver publishes, beside that of the returns. */
  readonly receiverCounters?: readonly number[];
}

/** For a mechanism whose queue is nothing but a queue. */
export const PLAIN_SENDER: SenderTerms = {
  openQueue: (words, place) => new QueueProducer(words, place),
};

/** The sender's end of a connection with one receiver. */
export class SenderConnection<Queue = QueueProducer> extends Connection {
  /** What goes to the receiver: the caller keeps at most `capacity` entries under way. */
  readonly deliveries: Queue;
  /** What the receiver gives back. Unchecked: it may lie. */
  readonly returns: QueueConsumer;
  #endWatcher: DescriptorWatcher | undefined;

  constructor(parts: ConnectionParts, terms: SenderTerms<Queue>) {
    const { openQueue, receiverCounters = [] } = terms;
    const counters = [RECEIVER.returned, ...receiverCounters];
    super(parts, parts.senderBell, parts.receiverBell, () => sumOf(parts.memory.words, counters));
    const { deliveries, returns } = parts.memory;
    this.deliveries = openQueue(this.words, deliveries);
    this.returns = new QueueConsumer(this.words, returns);
  }

  /** Rings the receiver if it is parked. Costs one load if it is not. */
  wakeReceiver(): void {
    if (loadInOrder(this.words, this.parkedReceiver) !== 0) this.#ringParked();
  }

  #ringParked(): void {
    if (Atomics.exchange(this.words, this.parkedReceiver, 0) !== 0) this.link.ring();
  }

  /**
   * Says that this side parks. Look once more before parking.
   *
   * @param waitsFor what would wake it: `WAITS_FOR`, and bits of the mechanism's.
   */
  park(waitsFor: number): void {
    Atomics.store(this.words, PARKED.sender, waitsFor);
  }

  /** Says that this side is awake again: the receiver need not ring. Look for what has come back afterwards. */
  unpark(): void {
    Atomics.store(this.words, PARKED.sender, 0);
  }

  /** Publishes that nothing more will be delivered, in good order. */
  finish(): void {
    Atomics.store(this.words, SENDER.finished, 1);
    this.wakeReceiver();
  }

  /**
   * Gives up a receiver that may be alive, and tells it: it takes nothing more from here. What it holds, or
   * is about to take, it may read until it {@link receiverHasEnded}.
   *
   * @param isAccused whether that is because of what the receiver did, and not of what failed here.
   */
  cutOff(isAccused: boolean): void {
    this.link.cutOff(isAccused);
    const { accused, failed } = CUT_OFF;
    Atomics.store(this.words, SENDER.cutOff, isAccused ? accused : failed);
    this.wakeReceiver();
    this.#endSending();
  }

  /**
   * Leaves a receiver that has not given back everything: it may go on to read what it was given until it
   * {@link receiverHasEnded}. It sees the end, or that this side has died if that was not {@link finish}ed.
   */
  leave(): void {
    this.link.cutOff(false);
    this.wakeReceiver();
    this.#endSending();
  }

  /**
   * Has `onEnd` called on the event loop when the receiver that was cut off has closed its end. Nothing
   * else that it does wakes this side. Where that cannot be watched, {@link receiverHasEnded} tells.
   */
  awaitEnd(calls: LinuxCalls, onEnd: () => void): void {
    this.link.onProcessEnd = onEnd;
    const watcher = calls.watch(this.link.socket.fd, POLLRDHUP, () => {
      this.#endWatcher?.close();
      this.#endWatcher = undefined;
      onEnd();
    });
    if (typeof watcher === 'number') return;
    // It frees memory at most: no reason to keep a process alive.
    watcher.unref();
    this.#endWatcher = watcher;
  }

  /** True once the receiver's end of the socket has closed: nobody reads any more what it was given. */
  receiverHasEnded(): boolean {
    try {
      return this.peerEnded || this.link.socket.peerHasEnded();
    } catch {
      return false;
    }
  }

  /** Only this direction: otherwise nobody could tell when the other one ends. */
  #endSending(): void {
    try {
      this.link.socket.endSending();
    } catch {
      // It is told by a word alone, then.
    }
  }

  override close(): void {
    this.#endWatcher?.close();
    this.#endWatcher = undefined;
    super.close();
  }
}
