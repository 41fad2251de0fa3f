/** What the pipe transport puts into the handshake. What goes into the control memory is in `layout.ts`. */

/** Name of the mechanism in the handshake; the binding does not matter to the other side. */
export const MECHANISM = 'vmsplice';

/**
 * The largest message in bytes: with a huge page around it for alignment, it fills the largest
 * `ArrayBuffer` that every supported Node can make (4 GiB).
 */
export const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024 * 1024 - 2 * 1024 * 1024;

/** Which of the welcome's descriptors is the pipe's read end; those of the connection come first. */
export const DESCRIPTOR = { pipe: 3 } as const;

/** How many descriptors travel with the welcome. */
export const DESCRIPTOR_COUNT = 4;

/** Entries in each queue of a connection: how many messages may be under way to one receiver. */
export const QUEUE_CAPACITY = 1024;
