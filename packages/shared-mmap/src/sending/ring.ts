import { dispose } from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';
import { RingMemory } from '../memory/ring-memory.js';
import type { Slot } from '../memory/slot.js';
import { RingProducer } from '../queue/ring.js';

/**
 * What a sender has published to those who must not miss messages, and what of it some of them have still to
 * return: which slot each of the last messages lies in.
 */
export class Ring extends RingProducer implements Disposable {
  readonly #made: { readonly memory: RingMemory; readonly fd: OwnedFd } | undefined;
  readonly #slots: (Slot | undefined)[];
  /** How many messages the ring has room for. */
  readonly capacity: number;
  /** The number of the next message. */
  next = 0;
  /** Whether there is anybody who must not miss messages. */
  isRead = false;
  /** Nobody has still to return a message before this one, but for those that are kept. */
  #settled = 0;

  /**
   * @param place of the ring: a memory of its own, or the control memory of a channel, where there is one reader.
   * @param made what the ring is to close.
   */
  constructor(
    place: Pick<RingMemory, 'words' | 'capacity'>,
    made?: { readonly memory: RingMemory; readonly fd: OwnedFd },
  ) {
    super(place);
    this.#made = made;
    this.#slots = new Array(place.capacity).fill(undefined);
    this.capacity = place.capacity;
  }

  /**
   * Makes a ring that any number of receivers can map.
   *
   * @param writable see `RingMemory.create`.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  static create(calls: LinuxCalls, capacity: number, writable: boolean): Ring {
    const made = RingMemory.create(calls, capacity, writable);
    return new Ring(made.memory, made);
  }

  /** The descriptor to pass to receivers, where it has a memory of its own. Owned by the ring. */
  get descriptors(): readonly OwnedFd[] {
    return this.#made === undefined ? [] : [this.#made.fd];
  }

  /**
   * Publishes a message, whose length and tag `slot` has, and gives it its number. Only while fewer than
   * `capacity` messages are not {@link settle}d.
   */
  publish(slot: Slot): void {
    this.push(slot.messageLength | 0, slot.place, slot.name, slot.tag | 0, slot.exchange | 0);
    const number = this.next;
    this.next = number + 1;
    slot.sequence = number;
    slot.inRing = this.isRead;
    this.#slots[number & this.mask] = slot;
    if (!this.isRead) this.#settled = this.next;
  }

  /** The slot of one of the last `capacity` messages. It is the message's for as long as somebody needs it. */
  slot(number: number): Slot {
    return this.#slots[number & this.mask] as Slot;
  }

  /** Somebody is going to read the ring from message `number` on, all of which are there. */
  hold(number: number): void {
    this.isRead = true;
    for (let held = number; held < this.#settled; held++) this.slot(held).inRing = true;
    this.#settled = Math.min(this.#settled, number);
  }

  /**
   * Everybody has returned, or keeps, all messages before this one.
   *
   * @param onSettled called for the slot of each of them that was not settled before.
   */
  settle(number: number, onSettled: (slot: Slot) => void): void {
    for (let settled = this.#settled; settled < number; settled++) {
      const slot = this.slot(settled);
      slot.inRing = false;
      onSettled(slot);
    }
    // A newcomer may begin before what was settled.
    this.#settled = Math.max(this.#settled, number);
  }

  close(): void {
    this.#made?.memory.close();
    this.#made?.fd.close();
  }

  [dispose](): void {
    this.close();
  }
}
