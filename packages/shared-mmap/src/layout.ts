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
} as const;

/** Written by the receiver. */
export const RECEIVER_WORDS = {
  /** Memories ever taken off the socket. */
  memoriesTaken: 66,
} as const;

/** Words of a delivery entry. */
export const DELIVERY = {
  /** Length of the message in bytes. */
  byteLength: 0,
  /** Where the message lies in the payload memory, in units of {@link PLACE_UNIT} bytes. */
  place: 1,
  /** Names the memory when it is given back; {@link OWN_MEMORY_FLAG} is a flag in it. */
  slotId: 2,
  /** The lower 32 bits of the message's number. Memory that is passed for a message is passed with it. */
  sequence: 3,
  /**
   * For which both sides compete where messages may be dropped (`queue/claimable-queue.ts`). Unused
   * otherwise, and so is the next word.
   */
  claim: 4,
  /** The upper bits of the message's number: any number of messages before it may be left out. */
  sequenceHigh: 5,
  /** The program's number for the message; 0 if it has none. */
  tag: 6,
} as const;

/** Words to read of a delivery entry. */
export const DELIVERY_ENTRY_WORDS = 7;

/** Words of a return entry. The last two are 0. */
export const RETURN = { slotId: 0, sequence: 1 } as const;

/** Bytes in a unit of {@link DELIVERY.place}: a cache line. */
export const PLACE_UNIT = 64;

/** Set in a slot id if the message lies at the beginning of a memory of its own, passed beforehand. */
export const OWN_MEMORY_FLAG: number = 1 << 30;

/**
 * Kind of the side record with which the memory of a message is passed: 'PGMM', little-endian. Its word is
 * the message's `sequence`.
 */
export const MEMORY_RECORD = 0x4d4d4750;
