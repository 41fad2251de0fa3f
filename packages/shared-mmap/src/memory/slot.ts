import type { LoanMemory, ReceivedDescriptor } from '@pageferry/core';
import { DESCRIPTORS_FLAG, OWN_MEMORY_FLAG, PLACE_UNIT } from '../layout.js';
import type { OwnMemory } from './own-memory.js';

const NONE = new Uint8Array(0);
const NO_DESCRIPTORS: readonly ReceivedDescriptor[] = [];

/**
 * Memory for one message, and who holds it. What the sender believes about it is here, in memory of
 * the sender's own, and nowhere else: no receiver can change it.
 */
export class Slot implements LoanMemory {
  /** The bytes that were asked for; what a program was shown, and may have detached. */
  bytes: Uint8Array<ArrayBuffer> = NONE;
  /** What they are a part of: the slot, in an `ArrayBuffer` of its own. Made when it is first lent. */
  buffer: ArrayBuffer | undefined;
  /** The slot's number. */
  readonly slotId: number;
  /** Names the slot in queues and in the ring. */
  name: number;
  /** Where it begins in the payload memory, in bytes; 0 for memory of its own. */
  readonly offset: number;
  /** The same in units of {@link PLACE_UNIT} bytes. */
  readonly place: number;
  /** What it takes up, in bytes. */
  readonly byteLength: number;
  /** How many bytes before it are its, too, and in no use: see `gapBefore`. */
  readonly gap: number;
  /** Set if the slot is not part of the pool. */
  readonly own: OwnMemory | undefined;
  /**
   * What is passed ahead of the message: the memory of its own, and the descriptors that travel with it. Kept when
   * these are closed, until the message is nobody's.
   */
  passedCount: number;
  /** Descriptors that travel with the message, until everybody has them who is to get them. */
  attached: readonly ReceivedDescriptor[] = NO_DESCRIPTORS;
  /** Length of the message, which may be shorter than `bytes`. */
  messageLength = 0;
  /** The program's number for the message. */
  tag = 0;
  /** Which question of a channel it asks or answers. */
  exchange = 0;
  /** Number of the message; -1 while there is none. */
  sequence = -1;
  /** True while somebody who reads the ring has not come past the message. */
  inRing = false;
  /**
   * A bit for each subscriber from 0 to 31 whose receiver has not given the message back: one that keeps what
   * it has come past in the ring, or one that may miss messages.
   */
  holdersLow = 0;
  /** The same for the subscribers from 32 to 63. */
  holdersHigh = 0;
  /** True while the history keeps the message. */
  inHistory = false;
  /** True while the message may have to be sent again, though everybody may have given it back. */
  isKept = false;

  constructor(slotId: number, offset: number, byteLength: number, own?: OwnMemory, gap = 0) {
    this.slotId = slotId;
    this.name = own === undefined ? slotId : slotId | OWN_MEMORY_FLAG;
    this.offset = offset;
    this.place = offset / PLACE_UNIT;
    this.byteLength = byteLength;
    this.own = own;
    this.gap = gap;
    this.passedCount = own === undefined ? 0 : 1;
  }

  /** Takes over descriptors that are to travel with the message. */
  attach(descriptors: readonly ReceivedDescriptor[]): void {
    if (descriptors.length === 0) return;
    this.attached = [...this.attached, ...descriptors];
    this.passedCount += descriptors.length;
    this.name |= DESCRIPTORS_FLAG;
  }

  /** See `LoanMemory`. */
  get attachedCount(): number {
    return this.attached.length;
  }

  /** Whether descriptors travel with the message, be it that they are closed here by now. */
  get carriesDescriptors(): boolean {
    return (this.name & DESCRIPTORS_FLAG) !== 0;
  }

  /** Closes the descriptors: nobody is going to get them any more. */
  closeAttached(): void {
    if (this.attached === NO_DESCRIPTORS) return;
    for (const descriptor of this.attached) descriptor.close();
    this.attached = NO_DESCRIPTORS;
  }

  /** The message is nobody's: the next one has no descriptors. */
  endMessage(): void {
    this.sequence = -1;
    if (!this.carriesDescriptors) return;
    this.closeAttached();
    this.name &= ~DESCRIPTORS_FLAG;
    this.passedCount = this.own === undefined ? 0 : 1;
  }

  /** True once the message cannot be changed any more, be it that it still waits to be passed on. */
  get sealed(): boolean {
    return this.own === undefined ? false : this.own.sealed;
  }

  /** True once nobody needs the message any more. */
  get free(): boolean {
    return !this.isHeld && !this.inHistory && !this.isKept;
  }

  /** True while any receiver needs the message. */
  get isHeld(): boolean {
    return this.inRing || (this.holdersLow | this.holdersHigh) !== 0;
  }
}
