import { type SenderConnection, WAITS_FOR } from '@pageferry/connection';
import type { PeerCredentials } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { Slot } from '../memory/slot.js';
import type { BehindPolicy } from '../protocol.js';
import { MAX_UNDER_WAY, MemoryChannel } from './memory-channel.js';
import { PassingPause } from './passing-pause.js';
import type { SharedMmapReceiverInfo } from './receiver-info.js';

/** What a {@link Subscriber} needs. It takes the connection over. */
export interface SubscriberSettings<Queue> {
  /** Number of the connection, unique for the life of the sender. */
  readonly id: number;
  /** Which of the 64 bits in a slot is this subscriber's. */
  readonly index: number;
  readonly credentials: PeerCredentials | undefined;
  readonly connection: SenderConnection<Queue>;
  readonly policy: BehindPolicy;
  readonly queueDepth: number;
  /** Whether the receiver takes descriptors that travel with messages. */
  readonly takesDescriptors: boolean;
  /** The slot with an id, which the receiver may have made up. */
  readonly slot: (slotId: number) => Slot | undefined;
  /** Called when memory may be passed that could not be, if that was waited for. It must not throw. */
  readonly onPauseOver: () => void;
  /** Called for each slot that this subscriber's receiver does not hold any more. */
  readonly onReturn: (slot: Slot) => void;
}

/** How many messages may be under way for which something was passed: each is at least one open descriptor. */
export const MAX_PASSED_MESSAGES = 16;

/**
 * The way to one receiver: its connection, and which slots it holds. A receiver can only give back
 * what it holds, so one that lies or dies costs nothing but its own connection.
 */
export abstract class Subscriber<Queue = unknown> {
  protected readonly settings: SubscriberSettings<Queue>;
  protected readonly connection: SenderConnection<Queue>;
  protected readonly channel: MemoryChannel;
  /** Of its own: a receiver that takes nothing off its socket keeps nothing from the others. */
  protected readonly pause: PassingPause;
  readonly #maskLow: number;
  readonly #maskHigh: number;
  /** True once the receiver has broken the protocol, or the connection has failed. */
  protected isBroken = false;
  /** How many slots have this subscriber's bit, and the bytes of the messages in them. */
  protected held = 0;
  protected bytesHeld = 0;

  protected constructor(settings: SubscriberSettings<Queue>) {
    this.settings = settings;
    const { connection, index } = settings;
    this.connection = connection;
    this.channel = new MemoryChannel(connection);
    this.pause = new PassingPause(settings.onPauseOver);
    this.#maskLow = index < 32 ? 1 << index : 0;
    this.#maskHigh = index < 32 ? 0 : 1 << (index - 32);
  }

  /** How many messages the receiver has not given back, and how many bytes they have. */
  protected abstract get behind(): { readonly messages: number; readonly bytes: number };
  /** Messages that were dropped for the receiver. */
  protected abstract get dropped(): number;
  /**
   * Whether both sides issue a barrier for both before they sleep (membarrier(2)): then neither needs one for each
   * message.
   */
  abstract readonly parkingPays: boolean;
  /** Takes in what the receiver has given back. */
  abstract collect(): void;
  /** True once the receiver has given everything back. */
  abstract get idle(): boolean;
  /** True unless messages of the history wait for their memory to be passed. */
  abstract get hasLeft(): boolean;
  /** Passes what is left of the history. False if some of it has to wait; `onPauseOver` tells when to go on. */
  abstract catchUp(): boolean;
  /** Notes in each slot that the receiver has it, where that was not noted one by one. */
  protected abstract holdAll(): void;

  get index(): number {
    return this.settings.index;
  }

  /** The receiver's process, as the kernel has named it. */
  get pid(): number | undefined {
    return this.settings.credentials?.pid;
  }

  /** Whether the receiver takes descriptors that travel with messages. */
  get takesDescriptors(): boolean {
    return this.settings.takesDescriptors;
  }

  /** True if the receiver is gone or breaks the protocol: the subscriber must be closed, or cut off. */
  get broken(): boolean {
    return this.isBroken || this.connection.peerGone;
  }

  /** True once nobody reads any more what the receiver was given. */
  get receiverHasEnded(): boolean {
    return this.connection.receiverHasEnded();
  }

  /** What failed on this side, if that is why the subscriber is broken. */
  get failure(): unknown {
    return this.connection.failure;
  }

  /** Whether the connection keeps the event loop alive. */
  keepAlive(on: boolean): void {
    this.connection.keepAlive(on);
    this.pause.keepAlive(on);
  }

  /** Rings the receiver if it is parked. */
  wake(): void {
    this.connection.wakeReceiver();
  }

  /** The last of these messages: as many as can be under way at once, and the receiver takes, without a gap. */
  lastOf(slots: readonly Slot[]): readonly Slot[] {
    const first = Math.max(slots.length - this.settings.queueDepth, 0);
    let messages = 0;
    let descriptors = 0;
    for (let index = slots.length - 1; index >= first; index--) {
      const { passedCount, carriesDescriptors } = slots[index] as Slot;
      if (passedCount === 0) continue;
      descriptors += passedCount;
      const isTooMuch = ++messages > MAX_PASSED_MESSAGES || descriptors > MAX_UNDER_WAY;
      if (isTooMuch || (carriesDescriptors && !this.takesDescriptors))
        return slots.slice(index + 1);
    }
    return slots.slice(first);
  }

  /** Has this side woken when the receiver gives something back. */
  park(): void {
    this.connection.park(WAITS_FOR.returns);
  }

  /** Has this side woken when memory may be passed that could not be. */
  awaitPause(): void {
    this.pause.arm();
  }

  /** This side is awake: takes {@link park} back. */
  unpark(): void {
    this.connection.unpark();
  }

  /** Tells the receiver that this was all. */
  finish(): void {
    this.connection.finish();
  }

  /**
   * Gives up a receiver that may be alive. It keeps whatever it was given, because it may read that:
   * until it has ended, and the subscriber is closed.
   *
   * @param onEnd called when the receiver has ended.
   */
  cutOff(calls: LinuxCalls, onEnd: () => void): void {
    if (!this.isBroken) this.collect();
    this.isBroken = true;
    this.holdAll();
    this.pause.close();
    this.connection.cutOff(this.failure === undefined);
    this.connection.awaitEnd(calls, onEnd);
  }

  /**
   * Ends the connection with a receiver that may go on to read what it has, and to return it: until it has ended,
   * and the subscriber is closed.
   *
   * @param onEnd called when the receiver has ended.
   */
  leave(calls: LinuxCalls, onEnd: () => void): void {
    this.pause.close();
    this.connection.leave();
    this.connection.awaitEnd(calls, onEnd);
  }

  /** Closes the connection; the receiver holds nothing any more. Only once nobody reads from it. */
  close(slots: readonly (Slot | undefined)[]): void {
    if (!this.isBroken) this.collect();
    this.isBroken = true;
    this.pause.close();
    this.connection.close();
    for (const slot of slots) if (slot !== undefined && this.holds(slot)) this.letGo(slot);
  }

  /** A snapshot for `Sender.receivers`. */
  info(): SharedMmapReceiverInfo {
    const { id, credentials, policy } = this.settings;
    const { messages, bytes } = this.behind;
    return {
      id,
      credentials,
      messagesBehind: messages,
      bytesBehind: bytes,
      whenBehind: policy,
      messagesDropped: this.dropped,
    };
  }

  protected hold(slot: Slot): void {
    slot.holdersLow |= this.#maskLow;
    slot.holdersHigh |= this.#maskHigh;
    this.held++;
    this.bytesHeld += slot.messageLength;
  }

  protected holds(slot: Slot): boolean {
    return (slot.holdersLow & this.#maskLow) !== 0 || (slot.holdersHigh & this.#maskHigh) !== 0;
  }

  protected letGo(slot: Slot): void {
    slot.holdersLow &= ~this.#maskLow;
    slot.holdersHigh &= ~this.#maskHigh;
    this.held--;
    this.bytesHeld -= slot.messageLength;
    this.settings.onReturn(slot);
  }

  /** As {@link pass}, for a message that was accepted: what fails ends the connection. */
  protected passAccepted(pass: () => boolean): boolean {
    try {
      return pass() && !this.broken;
    } catch (error) {
      this.connection.fail(error);
      this.isBroken = true;
      return false;
    }
  }
}
