import { createEntry, type SenderConnection, WAITS_FOR } from '@pageferry/connection';
import type { PeerCredentials } from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';
import { OWN_MEMORY_FLAG, PLACE_UNIT, RETURN, SENDER_WORDS } from '../layout.js';
import type { Slot } from '../memory/slot.js';
import type { BehindPolicy } from '../protocol.js';
import { ClaimableProducer } from '../queue/claimable-queue.js';
import type { DeliveryProducer } from '../queue/delivery-queue.js';
import { DroppableQueue } from './droppable-queue.js';
import { MemoryChannel } from './memory-channel.js';
import { PassedMemories } from './passed-memories.js';
import { PassingPause } from './passing-pause.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';

/** What a {@link Subscriber} needs. It takes the connection over. */
export interface SubscriberSettings {
  /** Number of the connection, unique for the life of the sender. */
  readonly id: number;
  /** Which of the 64 bits in a slot is this subscriber's. */
  readonly index: number;
  readonly credentials: PeerCredentials | undefined;
  readonly connection: SenderConnection<DeliveryProducer | ClaimableProducer>;
  readonly policy: BehindPolicy;
  readonly queueDepth: number;
  /** The slot with an id, which the receiver may have made up. */
  readonly slot: (slotId: number) => Slot | undefined;
  /** Called when memory may be passed that could not be, if that was waited for. It must not throw. */
  readonly onPauseOver: () => void;
  /** Called for each slot that this subscriber's receiver does not hold any more. */
  readonly onReturn: (slot: Slot) => void;
}

/** How many messages with memory of their own may be under way: each is an open descriptor. */
const MAX_OWN_MEMORIES = 16;

/**
 * The way to one receiver: its connection, and which slots it holds. A receiver can only give back
 * what it holds, so one that lies or dies costs nothing but its own connection.
 */
export class Subscriber {
  readonly #settings: SubscriberSettings;
  readonly #connection: SenderConnection;
  readonly #deliveries: DeliveryProducer | ClaimableProducer;
  readonly #channel: MemoryChannel;
  readonly #maskLow: number;
  readonly #maskHigh: number;
  readonly #entry = createEntry();
  readonly #droppable: DroppableQueue | undefined;
  #underWay = 0;
  #bytesUnderWay = 0;
  #ownMemories = 0;
  /** Of its own: a receiver that takes nothing off its socket keeps nothing from the others. */
  readonly #pause: PassingPause;
  /** Once there was any; only where the receiver must not miss messages. */
  #memories: PassedMemories | undefined;
  /** Messages of the history that are to be published before any other. */
  #earlier: readonly Slot[] = [];
  #dropped = 0;
  #broken = false;

  constructor(settings: SubscriberSettings) {
    this.#settings = settings;
    this.#connection = settings.connection;
    this.#pause = new PassingPause(settings.onPauseOver);
    const { index, policy, connection } = settings;
    this.#maskLow = index < 32 ? 1 << index : 0;
    this.#maskHigh = index < 32 ? 0 : 1 << (index - 32);
    const { deliveries, capacity } = connection;
    this.#deliveries = deliveries;
    this.#channel = new MemoryChannel(connection);
    if (deliveries instanceof ClaimableProducer) {
      this.#droppable = new DroppableQueue(deliveries, capacity, policy === 'drop-oldest');
    }
  }

  get index(): number {
    return this.#settings.index;
  }

  /** True if the receiver is gone or breaks the protocol: the subscriber must be closed, or cut off. */
  get broken(): boolean {
    return this.#broken || this.#connection.peerGone;
  }

  /** True once nobody reads any more what the receiver was given. */
  get receiverHasEnded(): boolean {
    return this.#connection.receiverHasEnded();
  }

  /** What failed on this side, if that is why the subscriber is broken. */
  get failure(): unknown {
    return this.#connection.failure;
  }

  /** Whether the connection keeps the event loop alive. */
  keepAlive(on: boolean): void {
    this.#connection.keepAlive(on);
    this.#pause.keepAlive(on);
  }

  /** True if the receiver may miss messages. */
  get mayMiss(): boolean {
    return this.#droppable !== undefined;
  }

  /** True unless messages of the history wait for their memory to be passed. */
  get hasLeft(): boolean {
    return this.#earlier.length === 0;
  }

  /** True once the receiver has given everything back. */
  get idle(): boolean {
    return this.#underWay === 0;
  }

  /** True if the message can be accepted now, be it that it is dropped; never if this is broken. */
  mayTake(slot: Slot): boolean {
    if (this.broken) return false;
    if (this.#droppable !== undefined) return true;
    if (this.#earlier.length > 0 && !this.catchUp()) return false;
    return this.#fits(slot) || this.#fitsNow(slot);
  }

  /** False while it would be too early to {@link pass} again what could not be passed. */
  get mayPass(): boolean {
    return this.#pause.mayTry();
  }

  /**
   * Passes memory of its own for a message, which is {@link deliver}ed later.
   *
   * @returns false if that has to wait.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  pass({ own }: Slot, sequence: number): boolean {
    if (this.broken || own === undefined) return true;
    if (!this.mayPass) return false;
    const outcome = this.#passNow(own.seal(), sequence);
    if (outcome === 'gone') this.#broken = true;
    // A message that may be missed does not wait.
    if (!this.mayMiss && outcome === 'later') {
      this.#pause.failed();
      this.#broken ||= this.#memories?.areHoarded(this.#channel.untaken) === true;
      if (this.#broken) return true;
    }
    if (outcome === 'sent') this.#pause.succeeded();
    return outcome !== 'later';
  }

  /** The message whose memory was passed is not sent, or not as that number. */
  passedInVain(sequence: number): void {
    this.#memories?.passedInVain(sequence);
  }

  /**
   * Publishes a message, or drops one as the receiver's policy has it. To one that must not miss it, memory
   * of its own was passed before.
   */
  deliver(slot: Slot): void {
    // A subscriber that is about to be closed gets nothing more: what it got would have a gap before it.
    if (this.#broken) return;
    if (this.#droppable !== undefined) {
      this.#deliverOrDrop(this.#droppable, slot);
      return;
    }
    // Published first, noted afterwards: the receiver reads while this side does its accounting.
    this.#publish(slot);
    this.#note(slot);
    this.#connection.wakeReceiver();
  }

  /**
   * Delivers what was sent before the receiver came. What cannot be passed yet is the receiver's from now
   * on all the same, and published before anything else.
   */
  deliverEarlier(slots: readonly Slot[]): void {
    if (this.mayMiss) {
      for (const slot of slots) this.deliver(slot);
      return;
    }
    for (const slot of slots) this.#note(slot);
    this.#earlier = slots;
    this.catchUp();
  }

  /** Publishes what is left of the history. False if some of it has to wait; `onPauseOver` tells when to go on. */
  catchUp(): boolean {
    while (this.#earlier.length > 0) {
      const [slot, ...others] = this.#earlier as [Slot, ...Slot[]];
      if (!this.#tryToPass(slot)) {
        if (!this.broken) this.#pause.arm();
        return this.broken;
      }
      this.#publish(slot);
      this.#earlier = others;
      this.#connection.wakeReceiver();
    }
    return true;
  }

  /** The last of these messages: as many as can be under way at once, without a gap. */
  lastOf(slots: readonly Slot[]): readonly Slot[] {
    let first = Math.max(slots.length - this.#settings.queueDepth, 0);
    let ownMemories = 0;
    for (let index = slots.length - 1; index >= first; index--) {
      if (slots[index]?.own !== undefined && ++ownMemories > MAX_OWN_MEMORIES) first = index + 1;
    }
    return slots.slice(first);
  }

  /** Takes in what the receiver has given back. */
  collect(): void {
    const connection = this.#connection;
    const available = connection.returns.available();
    if (available === 0) return;
    if (available < 0 || available > this.#underWay) {
      this.#broken = true;
      return;
    }
    for (let count = 0; count < available; count++) {
      connection.returns.shift(this.#entry);
      const slotId = (this.#entry[RETURN.slotId] as number) & ~OWN_MEMORY_FLAG;
      const slot = this.#settings.slot(slotId);
      const sequence = this.#entry[RETURN.sequence];
      if (!slot || !this.#holds(slot) || (slot.sequence | 0) !== sequence) {
        this.#broken = true;
        return;
      }
      this.#memories?.returned(slot.sequence, slot.own !== undefined);
      this.#letGo(slot);
    }
  }

  /**
   * Takes back one message that the receiver has not taken, if its policy allows that: for the sake
   * of a pool that is short of room.
   *
   * @returns whether there was one.
   */
  dropOne(): boolean {
    const dropped = this.#droppable?.drop((slot) => this.#holds(slot));
    if (dropped === undefined) return false;
    if (dropped === 'returned') {
      this.#broken = true;
      return false;
    }
    this.#noteDropped();
    this.#letGo(dropped);
    return true;
  }

  /** Has this side woken when the receiver gives something back, or when a pause is over. */
  park(): void {
    this.#connection.park(WAITS_FOR.returns);
    this.#pause.arm();
  }

  /** Tells the receiver that this was all. */
  finish(): void {
    this.#connection.finish();
  }

  /**
   * Gives up a receiver that may be alive. It keeps whatever it was given, because it may read that:
   * until it has ended, and the subscriber is closed.
   *
   * @param onEnd called when the receiver has ended.
   */
  cutOff(calls: LinuxCalls, onEnd: () => void): void {
    if (!this.#broken) this.collect();
    this.#broken = true;
    this.#pause.close();
    const connection = this.#connection;
    connection.cutOff(this.failure === undefined);
    connection.awaitEnd(calls, onEnd);
  }

  /** Closes the connection; the receiver holds nothing any more. Only once nobody reads from it. */
  close(slots: readonly (Slot | undefined)[]): void {
    if (!this.#broken) this.collect();
    this.#broken = true;
    this.#pause.close();
    this.#connection.close();
    for (const slot of slots) if (slot !== undefined && this.#holds(slot)) this.#letGo(slot);
  }

  /** A snapshot for `Sender.receivers`. */
  info(): SharedMmapReceiverInfo {
    const { id, credentials, policy } = this.#settings;
    return {
      id,
      credentials,
      messagesBehind: this.#underWay,
      bytesBehind: this.#bytesUnderWay,
      whenBehind: policy,
      messagesDropped: this.#dropped,
    };
  }

  #passNow(fd: OwnedFd, sequence: number): 'sent' | 'later' | 'gone' {
    if (this.mayMiss) return this.#channel.pass(sequence, fd);
    this.#memories ??= new PassedMemories();
    if (!this.#memories.mayPass(this.#channel.untaken)) return 'later';
    const outcome = this.#channel.pass(sequence, fd);
    if (outcome === 'sent') this.#memories.passed(sequence);
    return outcome;
  }

  /** As {@link pass}, for a message that was accepted: what fails ends the connection. */
  #tryToPass(slot: Slot): boolean {
    if (slot.own === undefined) return true;
    try {
      return this.pass(slot, slot.sequence) && !this.broken;
    } catch (error) {
      this.#connection.fail(error);
      this.#broken = true;
      return false;
    }
  }

  #deliverOrDrop(droppable: DroppableQueue, slot: Slot): void {
    if (!(this.#makeRoom(droppable, slot) && this.#tryToPass(slot))) {
      if (!this.#broken) this.#noteDropped();
      return;
    }
    droppable.push(slot, nameOf(slot));
    this.#note(slot);
    this.#connection.wakeReceiver();
  }

  /** To a receiver that must not miss the message. */
  #publish(slot: Slot): void {
    const { messageLength, offset, sequence, tag } = slot;
    const place = offset / PLACE_UNIT;
    this.#deliveries.push(messageLength | 0, place, nameOf(slot), sequence | 0, tag);
  }

  #note(slot: Slot): void {
    slot.holdersLow |= this.#maskLow;
    slot.holdersHigh |= this.#maskHigh;
    this.#underWay++;
    this.#bytesUnderWay += slot.messageLength;
    if (slot.own !== undefined) this.#ownMemories++;
  }

  /** True if there is room after a look at what has come back. */
  #fitsNow(slot: Slot): boolean {
    this.collect();
    return this.#fits(slot);
  }

  #fits({ own }: Slot): boolean {
    if (this.#underWay >= this.#settings.queueDepth) return false;
    return own === undefined || this.#ownMemories < MAX_OWN_MEMORIES;
  }

  /** Drops what the policy says until there is room. False if that is the new message. */
  #makeRoom(queue: DroppableQueue, slot: Slot): boolean {
    // What was passed for messages that are dropped stays on the socket, and dropping more is no help.
    if (slot.own !== undefined && this.#channel.untaken >= MAX_OWN_MEMORIES) return false;
    const dropsOldest = this.#settings.policy === 'drop-oldest';
    while (!this.#mayWait(queue, slot)) {
      if (!dropsOldest || !this.dropOne()) return false;
    }
    if (!queue.nextIsTaken) return true;
    return dropsOldest && this.dropOne() && !queue.nextIsTaken;
  }

  /** True if there is room for one more that waits to be taken, be it after a look at what was taken. */
  #mayWait(queue: DroppableQueue, slot: Slot): boolean {
    if (this.#mayAdd(queue, slot)) return true;
    queue.look();
    this.collect();
    return this.#mayAdd(queue, slot);
  }

  /** What is held does not count against what is not taken, but for the returns that there is room for. */
  #mayAdd(queue: DroppableQueue, { own }: Slot): boolean {
    if (this.#underWay >= this.#connection.capacity) return false;
    if (queue.waiting >= this.#settings.queueDepth) return false;
    return own === undefined || queue.ownWaiting < MAX_OWN_MEMORIES;
  }

  #noteDropped(): void {
    this.#dropped++;
    // Before any message that comes after it.
    Atomics.store(this.#connection.words, SENDER_WORDS.dropped, this.#dropped | 0);
  }

  #holds(slot: Slot): boolean {
    return (slot.holdersLow & this.#maskLow) !== 0 || (slot.holdersHigh & this.#maskHigh) !== 0;
  }

  #letGo(slot: Slot): void {
    slot.holdersLow &= ~this.#maskLow;
    slot.holdersHigh &= ~this.#maskHigh;
    this.#underWay--;
    this.#bytesUnderWay -= slot.messageLength;
    if (slot.own !== undefined) this.#ownMemories--;
    this.#settings.onReturn(slot);
  }
}

/** What names a slot in the queues. */
function nameOf({ slotId, own }: Slot): number {
  return own === undefined ? slotId : slotId | OWN_MEMORY_FLAG;
}
