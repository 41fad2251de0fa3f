/**
 * The numbers of docs/shared-memory-layout.md, written down once more: peers of this kit share nothing with the packages
 * that they are played against.
 */

/** Words of the control memory. */
export const WORD = {
  magic: 0,
  version: 1,
  capacity: 2,
  pageSize: 3,
  parkedReceiver: 4,
  /** Of a channel of shared memory this is `published`. */
  delivered: 32,
  bytesProduced: 33,
  finished: 34,
  memoriesPassed: 35,
  cutOff: 36,
  dropped: 37,
  ringIsLimited: 38,
  ringLimit: 39,
  returned: 64,
  /** Through a pipe this is `bytesConsumed`. */
  cursor: 65,
  memoriesTaken: 66,
  parkedSender: 96,
  senderWakeAt: 97,
} as const;

/** Words that somebody reads and believes, or had better not: where a change does most. */
export const HOT_WORDS: readonly number[] = [...Object.values(WORD), 128];

/** The word of the ring that says how far it is written. */
export const RING_PUBLISHED = 32;

/** The first entry, of a control memory as of a ring. */
export const FIRST_ENTRY = 1024;

/** Entries of each queue, and of the ring. */
export const CAPACITY = 1024;

/** Words from one entry of a delivery queue, or of the ring, to the next. */
export const ENTRY_WORDS = 8;

/** Words from one entry of a return queue to the next. */
export const RETURN_WORDS = 2;

/** The first entry of the return queue. */
export const FIRST_RETURN: number = FIRST_ENTRY + CAPACITY * ENTRY_WORDS;

/** Words of one part of a control memory. */
export const PART_WORDS: number = FIRST_RETURN + 2 * CAPACITY * RETURN_WORDS;

/** Set in the slot id of a message with memory of its own. */
export const OWN_MEMORY = 2 ** 30;

/** Which number of the protocol all of this is. */
export const VERSION = 2;

/** The first word of a control memory. */
export const CONTROL_MAGIC = 0x59464750;

/** The first word of a ring. */
export const RING_MAGIC = 0x47524750;

/** Begins a record with memory for one message. */
export const RECORD_MAGIC = 0x4d4d4750;

/** Kinds of a message of the handshake. */
export const KIND = { hello: 1, welcome: 2, refusal: 3 } as const;
