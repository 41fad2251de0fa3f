/**
 * What the shared-memory transport puts into the handshake. What goes into the control memory afterwards is in
 * `layout.ts`; the whole of it, for authors of receivers in other languages, in `docs/shared-memory-layout.md`.
 */

/** Name of the mechanism in the handshake; the binding does not matter to the other side. */
export const MECHANISM = 'shared-mmap';

/** Entries in each queue of a connection: how many messages may be under way to one receiver. */
export const QUEUE_CAPACITY = 1024;

/** Which of the welcome's descriptors is the payload memory; those of the connection come first. */
export const DESCRIPTOR = { payload: 3 } as const;

/** How many descriptors travel with the welcome. */
export const DESCRIPTOR_COUNT = 4;

/** Parameters of the receiver's hello. */
export const HELLO = { policy: 0, queueDepth: 1 } as const;

/** Parameters of the sender's welcome: the number of the first message that will come. */
export const WELCOME = { firstSequenceLow: 0, firstSequenceHigh: 1 } as const;

/** What becomes of messages for a receiver that is behind, as a parameter of the hello. */
export const POLICY = { wait: 0, 'drop-newest': 1, 'drop-oldest': 2 } as const;

/** Names of the policies. */
export type BehindPolicy = keyof typeof POLICY;
