/**
 * Where everything lies in the control memory: a sealed memfd, one for each connection, mapped
 * readable and writable by both sides. All fields are little-endian 32-bit words; positions are
 * word indices. Counters wrap around at 2^32 and are compared by their difference.
 *
 * What one side writes often keeps to cache lines that the other side only reads. 128 bytes apart,
 * because processors fetch cache lines in pairs. Both sides write the words of {@link PARKED}.
 *
 * These are the words that every mechanism has. The others of each group, up to the next multiple of 32,
 * are the mechanism's, and so is what the words of an entry mean: its own `layout.ts` names them.
 */

/** Written once by the sender, before the memory is shared. */
export const HEADER = {
  /** {@link CONTROL_MAGIC}. */
  magic: 0,
  /** `PROTOCOL_VERSION` of `@pageferry/core`: layout and handshake have one. */
  version: 1,
  /** Entries in the delivery queue, and half as many as in the return queue; a power of two. */
  capacity: 2,
  /** Bytes in a page of memory. */
  pageSize: 3,
  /** Which word says whether the receiver is parked. */
  parkedReceiver: 4,
} as const;

/** Written by the sender. */
export const SENDER = {
  /** Messages ever put into the delivery queue. */
  delivered: 32,
  /** 1 once the sender has closed in good order and delivers nothing more. */
  finished: 34,
  /** One of {@link CUT_OFF} once the sender, which lives, has given this receiver up; 0 before. */
  cutOff: 36,
} as const;

/** Why a sender has cut a receiver off. */
export const CUT_OFF = {
  /** Something failed on its side. */
  failed: 1,
  /** The receiver broke the protocol, as the sender sees it. */
  accused: 2,
} as const;

/** Written by the receiver. */
export const RECEIVER = {
  /** Entries ever put into the return queue. */
  returned: 64,
} as const;

/** Set by the side that parks, taken back by the side that wakes it; see {@link PARKED_LINES} for the receiver's. */
export const PARKED = {
  /** What the parked sender waits for: bits of {@link WAITS_FOR} and the mechanism's; 0 if it is awake. */
  sender: 96,
} as const;

/**
 * Where the word may be that is 1 while the receiver is parked, whatever it waits for: in one of these cache
 * lines, of 16 words each. A sender with many receivers looks at the words of all of them for each message. They
 * lie in as many pages; in the same place of each, they would all have to share the few lines that a processor's
 * nearest cache has for that place.
 */
export const PARKED_LINES = { first: 128, count: 56, words: 16 } as const;

/** The word for the receiver with a number: a different line for each, as far as there are lines. */
export function parkedReceiverWord(index: number): number {
  return PARKED_LINES.first + (index % PARKED_LINES.count) * PARKED_LINES.words;
}

/** What a parked sender waits for. The other bits are the mechanism's. */
export const WAITS_FOR = {
  /** An entry in the return queue. */
  returns: 1,
} as const;

/** First word of the delivery queue; the return queue follows it. */
export const FIRST_ENTRY = 1024;

/** Words from one entry of the delivery queue to the next: half a cache line. */
export const DELIVERY_WORDS = 8;

/** Words from one entry of the return queue to the next. */
export const RETURN_WORDS = 2;

/** Entries of the return queue for each of the delivery queue: two may be said of one message. */
export const RETURNS_PER_DELIVERY = 2;

/** 'PGFY', little-endian. */
export const CONTROL_MAGIC = 0x59464750;

/** Length of a control memory in bytes, for queues of `capacity` entries. */
export function controlByteLength(capacity: number): number {
  const words = DELIVERY_WORDS + RETURNS_PER_DELIVERY * RETURN_WORDS;
  return (FIRST_ENTRY + capacity * words) * 4;
}
