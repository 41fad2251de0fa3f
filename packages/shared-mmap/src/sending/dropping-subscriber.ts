import { createEntry } from '@pageferry/connection';
import { publish } from '@pageferry/core';
import { RETURN, SENDER_WORDS, SLOT_MASK } from '../layout.js';
import type { Slot } from '../memory/slot.js';
import type { ClaimableProducer } from '../queue/claimable-queue.js';
import { DroppableQueue } from './droppable-queue.js';
import { MAX_UNDER_WAY } from './memory-channel.js';
import { MAX_PASSED_MESSAGES, Subscriber, type SubscriberSettings } from './subscriber.js';

/**
 * The way to a receiver that may miss messages. It has a queue of its own, out of which the sender takes back
 * what the receiver has not taken, and it returns messages one by one.
 */
export class DroppingSubscriber extends Subscriber<ClaimableProducer> {
  override readonly parkingPays = false;
  readonly #entry = createEntry(2);
  readonly #queue: DroppableQueue;
  readonly #dropsOldest: boolean;
  #dropped = 0;

  constructor(settings: SubscriberSettings<ClaimableProducer>) {
    super(settings);
    const { connection, policy } = settings;
    this.#dropsOldest = policy === 'drop-oldest';
    this.#queue = new DroppableQueue(connection.deliveries, connection.capacity, this.#dropsOldest);
  }

  override get idle(): boolean {
    return this.held === 0;
  }

  override get hasLeft(): boolean {
    return true;
  }

  override catchUp(): boolean {
    return true;
  }

  /** Publishes a message, or drops one as the receiver's policy has it. */
  deliver(slot: Slot): void {
    // A subscriber that is about to be closed gets nothing more: what it got would have a gap before it.
    if (this.isBroken) return;
    if (!(this.#makeRoom(slot) && this.passAccepted(() => this.#pass(slot)))) {
      if (!this.isBroken) this.#noteDropped();
      return;
    }
    this.#queue.push(slot);
    this.hold(slot);
    this.wake();
  }

  override collect(): void {
    const { returns } = this.connection;
    const available = returns.available();
    if (available === 0) return;
    if (available < 0 || available > this.held) {
      this.isBroken = true;
      return;
    }
    for (let count = 0; count < available; count++) {
      returns.shift(this.#entry);
      const slot = this.settings.slot((this.#entry[RETURN.slotId] as number) & SLOT_MASK);
      const sequence = this.#entry[RETURN.sequence];
      if (!slot || !this.holds(slot) || (slot.sequence | 0) !== sequence) {
        this.isBroken = true;
        return;
      }
      this.letGo(slot);
    }
  }

  /**
   * Takes back one message that the receiver has not taken: for the sake of a pool that is short of room.
   *
   * @returns whether there was one.
   */
  dropOne(): boolean {
    const dropped = this.#queue.drop((slot) => this.holds(slot));
    if (dropped === undefined) return false;
    if (dropped === 'returned') {
      this.isBroken = true;
      return false;
    }
    this.#noteDropped();
    this.letGo(dropped);
    return true;
  }

  protected override get behind(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.held, bytes: this.bytesHeld };
  }

  protected override get dropped(): number {
    return this.#dropped;
  }

  protected override holdAll(): void {
    // Each was noted when it was delivered.
  }

  /** Passes what goes ahead of a message. False if it cannot be passed now: a message that may be missed does not wait. */
  #pass(slot: Slot): boolean {
    if (slot.passedCount === 0) return true;
    const outcome = this.channel.pass(slot.sequence, slot.own?.seal(), slot.attached);
    if (outcome === 'gone') this.isBroken = true;
    return outcome !== 'later';
  }

  /** Drops what the policy says until there is room. False if that is the new message. */
  #makeRoom(slot: Slot): boolean {
    const queue = this.#queue;
    // What was passed for messages that are dropped stays on the socket, and dropping more is no help.
    if (slot.passedCount > 0 && !this.#socketHasRoomFor(slot.passedCount)) return false;
    while (!this.#mayWait(slot)) {
      if (!this.#dropsOldest || !this.dropOne()) return false;
    }
    if (!queue.nextIsTaken) return true;
    return this.#dropsOldest && this.dropOne() && !queue.nextIsTaken;
  }

  /** True if there is room for one more that waits to be taken, be it after a look at what was taken. */
  #mayWait(slot: Slot): boolean {
    if (this.#mayAdd(slot)) return true;
    this.#queue.look();
    this.collect();
    return this.#mayAdd(slot);
  }

  /** What is held does not count against what is not taken, but for the returns that there is room for. */
  #mayAdd({ passedCount }: Slot): boolean {
    if (this.held >= this.connection.capacity) return false;
    if (this.#queue.waiting >= this.settings.queueDepth) return false;
    if (passedCount === 0) return true;
    const { passedWaiting, descriptorsWaiting } = this.#queue;
    return passedWaiting < MAX_PASSED_MESSAGES && descriptorsWaiting + passedCount <= MAX_UNDER_WAY;
  }

  #socketHasRoomFor(count: number): boolean {
    return this.channel.untaken < MAX_PASSED_MESSAGES && this.channel.hasRoomFor(count);
  }

  #noteDropped(): void {
    this.#dropped++;
    // Before any message that comes after it.
    Atomics.store(this.connection.words, SENDER_WORDS.dropped, this.#dropped | 0);
    publish('pageferry:drop', () => ({ receiver: this.info() }));
  }
}
