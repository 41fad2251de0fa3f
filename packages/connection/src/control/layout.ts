/**
 * Where everything lies in the control memory: a sealed memfd, one for each connection, mapped
 * readable and writable by both sides. All fields are little-endian 32-bit words; positions are
 * word indices. Counters wrap around at 2^32 and are compared by their difference.
 *
 * What one side writes often keeps to cache lines that the other side only reads. 128 bytes apart,
 * because processors fetch cache lines in pairs. Both sides write the words of {@link PARKED} and
 * {@link CLAIM_WORD}.
 */

/** Version of this layout and of the handshake; both sides must have the same. */
export const PROTOCOL_VERSION = 1;

/** Written once by the sender, before the memory is shared. */
export const HEADER = {
  /** {@link CONTROL_MAGIC}. */
  magic: 0,
  /** {@link PROTOCOL_VERSION}. */
  version: 1,
  /** Entries in each of the two queues; a power of two. */
  capacity: 2,
  /** Bytes in a page of memory. */
  pageSize: 3,
} as const;

/** Written by the sender. */
export const SENDER = {
  /** Messages ever put into the delivery queue. */
  delivered: 32,
  /** Bytes of payload ever put into the data plane, where it is a stream (the pipe transport's). */
  bytesProduced: 33,
  /** 1 once the sender has closed in good order and delivers nothing more. */
  finished: 34,
  /** Memories ever passed over the socket, each for one message. */
  memoriesPassed: 35,
  /** One of {@link CUT_OFF} once the sender, which lives, has given this receiver up; 0 before. */
  cutOff: 36,
  /** Messages ever dropped for this receiver. */
  dropped: 37,
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
  /** Bytes of payload ever taken out of the data plane, where it is a stream. */
  bytesConsumed: 65,
  /** Memories ever taken off the socket. */
  memoriesHeard: 66,
} as const;

/** Set by the side that parks, taken back by the side that wakes it. */
export const PARKED = {
  /** What the parked sender waits for: bits of {@link WAITS_FOR}; 0 if it is awake. */
  sender: 96,
  /** With `WAITS_FOR.room`: the value of `bytesConsumed` at which to wake the sender. */
  senderWakeAt: 97,
  /** 1 while the receiver is parked, whatever it waits for. */
  receiver: 128,
} as const;

/** What a parked sender waits for. */
export const WAITS_FOR = {
  /** An entry in the return queue. */
  returns: 1,
  /** Room in the data plane, up to `senderWakeAt`. */
  room: 2,
} as const;

/** First word of the delivery queue; the return queue follows it. */
export const FIRST_ENTRY = 1024;

/** Words from one entry of the delivery queue to the next: half a cache line. */
export const DELIVERY_WORDS = 8;

/**
 * Word of a delivery entry for which both sides compete where messages may be dropped
 * (`claimable-queue.ts`). Unused otherwise; so is {@link FIFTH_WORD}. Nobody uses the words after that.
 */
export const CLAIM_WORD = 4;

/**
 * What the transport has to say besides the first four words, behind the claim word: the sixth word of an
 * entry, and only where there is a claim word.
 */
export const FIFTH_WORD = 5;

/** Word of a delivery entry that is also the tag of memory which was passed for it. */
export const TAG_WORD = 3;

/** Words from one entry of the return queue to the next. */
export const RETURN_WORDS = 4;

/** 'PGFY', little-endian. */
export const CONTROL_MAGIC = 0x59464750;

/** Length of a control memory in bytes, for queues of `capacity` entries. */
export function controlByteLength(capacity: number): number {
  return (FIRST_ENTRY + capacity * (DELIVERY_WORDS + RETURN_WORDS)) * 4;
}
