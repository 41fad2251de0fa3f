/**
 * What the shared-memory transport puts into the handshake. What goes into the control memory afterwards is in
 * `layout.ts`; the whole of it, for authors of receivers in other languages, in `docs/shared-memory-layout.md`.
 */

/** Name of the mechanism in the handshake; the binding does not matter to the other side. */
export const MECHANISM = 'shared-mmap';

/** Entries in the ring, and in the delivery queue of a connection: how many messages may be under way to one receiver. */
export const QUEUE_CAPACITY = 1024;

/**
 * Which of the welcome's descriptors is the payload memory, and which the ring, for a receiver that must not
 * miss messages; those of the connection come first.
 */
export const DESCRIPTOR = { payload: 3, ring: 4 } as const;

/** How many descriptors travel with the welcome: one more with the ring. */
export const DESCRIPTOR_COUNT = { wait: 5, mayMiss: 4 } as const;

/**
 * Parameters of the receiver's hello. `barrier` is 1 if it issues a barrier for both sides before it sleeps,
 * `descriptors` is 1 if it takes descriptors that travel with messages.
 */
export const HELLO = { policy: 0, queueDepth: 1, barrier: 2, descriptors: 3 } as const;

/**
 * Parameters of the sender's welcome: the number of the first message that will come; and 1 if both sides
 * issue a barrier for both before they sleep, so that neither needs one for each message.
 */
export const WELCOME = { firstSequenceLow: 0, firstSequenceHigh: 1, barrier: 2 } as const;

/** What becomes of messages for a receiver that is behind, as a parameter of the hello. */
export const POLICY = { wait: 0, 'drop-newest': 1, 'drop-oldest': 2 } as const;

/** Names of the policies. */
export type BehindPolicy = keyof typeof POLICY;
