/**
 * What the shared-memory transport puts into the connection's queues and into the handshake. The
 * whole of it, for authors of receivers in other languages, is in `docs/shared-memory-layout.md`.
 */

/** Name of the mechanism in the handshake; the binding does not matter to the other side. */
export const MECHANISM = 'shared-mmap';

/** Entries in each queue of a connection: how many messages may be under way to one receiver. */
export const QUEUE_CAPACITY = 1024;

/** Which of the welcome's descriptors is the payload memory; those of the connection come first. */
export const DESCRIPTOR = { payload: 3 } as const;

/** How many descriptors travel with the welcome. */
export const DESCRIPTOR_COUNT = 4;

/** Words of a delivery. In the entry, the claim word of the connection is before the last. */
export const DELIVERY = {
  /** Length of the message in bytes. */
  byteLength: 0,
  /** Where the message lies in the payload memory, in units of {@link PLACE_UNIT} bytes. */
  place: 1,
  /** Names the memory when it is given back; {@link TICKET_OWN_MEMORY} is a flag in it. */
  ticket: 2,
  /** The lower 32 bits of the message's number. */
  sequence: 3,
  /** The upper ones; only where messages may be dropped, and any number of them left out. */
  sequenceHigh: 4,
} as const;

/** Words of a return entry. The last two are 0. */
export const RETURN = { ticket: 0, sequence: 1 } as const;

/** Bytes in a unit of {@link DELIVERY.place}: a cache line. */
export const PLACE_UNIT = 64;

/** Set in a ticket if the message lies at the beginning of a memory of its own, passed beforehand. */
export const TICKET_OWN_MEMORY: number = 1 << 30;

/** Parameters of the receiver's hello. */
export const HELLO = { policy: 0, queueDepth: 1 } as const;

/** Parameters of the sender's welcome: the number of the first message that will come. */
export const WELCOME = { firstSequenceLow: 0, firstSequenceHigh: 1 } as const;

/** What becomes of messages for a receiver that is behind, as a parameter of the hello. */
export const POLICY = { wait: 0, 'drop-newest': 1, 'drop-oldest': 2 } as const;

/** Names of the policies. */
export type BehindPolicy = keyof typeof POLICY;
