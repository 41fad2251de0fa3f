import { DELIVERY_WORDS } from '@pageferry/connection';

/**
 * The words of the control memory that are this mechanism's own, beside those of `@pageferry/connection`,
 * and what the words of its queue entries mean. `docs/shared-memory-layout.md` has the whole of it.
 */

/** Written by the sender. */
export const SENDER_WORDS = {
  /** Memories ever passed over the socket, each for one message. */
  memoriesPassed: 35,
  /** Messages ever dropped for this receiver. */
  dropped: 37,
  /**
   * 1 while a receiver that must not miss messages may read the ring only up to {@link ringLimit}: the memory of
   * an earlier message could not be passed yet.
   */
  ringIsLimited: 38,
  /** The lower 32 bits of the number of the first message that it may not take yet. */
  ringLimit: 39,
} as const;

/** Written by the receiver. */
export const RECEIVER_WORDS = {
  /**
   * The lower 32 bits of a number: every message of the ring before it was returned, but for those that the
   * return queue says are kept.
   */
  cursor: 65,
  /** Memories ever taken off the socket. */
  memoriesTaken: 66,
} as const;

/** Words of a delivery entry, in the ring and in the delivery queue of a receiver that may miss messages. */
export const DELIVERY = {
  /** Length of the message in bytes. */
  byteLength: 0,
  /** Where the message lies in the payload memory, in units of {@link PLACE_UNIT} bytes. */
  place: 1,
  /** Names the memory when it is given back; {@link OWN_MEMORY_FLAG} is a flag in it. */
  slotId: 2,
  /**
   * The lower 32 bits of the message's number. Memory that is passed for a message is passed with it. In the ring
   * it is written first and read last: who reads an entry that is just being overwritten notices.
   */
  sequence: 3,
  /**
   * For which both sides compete where messages may be dropped (`queue/claimable-queue.ts`). Unused in the
   * ring.
   */
  claim: 4,
  /** The upper bits of the message's number. */
  sequenceHigh: 5,
  /** The program's number for the message; 0 if it has none. */
  tag: 6,
  /** Which question of a channel it asks or answers (`exchange.ts` of `@pageferry/core`); 0 for other messages. */
  exchange: 7,
} as const;

/** Words to read of a delivery entry. */
export const DELIVERY_ENTRY_WORDS = 7;

/** Words of a return entry. */
export const RETURN = { slotId: 0, sequence: 1 } as const;

/** In place of a slot id: the message is not returned, although {@link RECEIVER_WORDS.cursor} goes past it. */
export const KEPT = -1;

/**
 * Words of the ring: one memory for each sender, which receivers that must not miss messages map read-only. It
 * begins with a page of these; its entries follow.
 */
export const RING = {
  /** {@link RING_MAGIC}. */
  magic: 0,
  /** `PROTOCOL_VERSION` of `@pageferry/core`. */
  version: 1,
  /** Entries; a power of two. */
  capacity: 2,
  /** The lower 32 bits of the number that the next message gets: all before it are published. */
  published: 32,
  /** The first entry. */
  entries: 1024,
} as const;

/** 'PGRG', little-endian. */
export const RING_MAGIC = 0x47524750;

/** Length of a ring in bytes. */
export function ringByteLength(capacity: number): number {
  return (RING.entries + capacity * DELIVERY_WORDS) * 4;
}

/** Bytes in a unit of {@link DELIVERY.place}: a cache line. */
export const PLACE_UNIT = 64;

/** Set in a slot id if the message lies at the beginning of a memory of its own, passed beforehand. */
export const OWN_MEMORY_FLAG: number = 1 << 30;

/**
 * Set in a slot id if descriptors travel with the message, passed beforehand. Slot ids are less than that, so that one look
 * tells whether a message has anything that was passed.
 */
export const DESCRIPTORS_FLAG: number = 1 << 29;

/** What of a slot id is the slot's number. */
export const SLOT_MASK: number = DESCRIPTORS_FLAG - 1;

/**
 * Kind of the side record with which the memory of a message is passed: 'PGMM', little-endian. Its word is
 * the message's `sequence`.
 */
export const MEMORY_RECORD = 0x4d4d4750;

/**
 * Kind of the side record with which the descriptors of a message are passed, behind its memory if it has its own: 'PGFD'.
 * Its word is the message's `sequence`.
 */
export const DESCRIPTORS_RECORD = 0x44464750;
