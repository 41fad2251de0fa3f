/**
 * What the pipe transport puts into the connection's queues.
 *
 * The pipe itself carries payload alone. Each message begins on a page of its own, so the byte counters
 * of the connection are rounded up to a whole page at the end of each message: their difference
 * tells how much of the pipe is taken up.
 */

/** Name of the mechanism in the handshake; the binding does not matter to the other side. */
export const MECHANISM = 'vmsplice';

/**
 * The largest message in bytes: with a huge page around it for alignment, it fills the largest
 * `ArrayBuffer` that every supported Node can make (4 GiB).
 */
export const MAX_MESSAGE_BYTES: number = 4 * 1024 * 1024 * 1024 - 2 * 1024 * 1024;

/** Words of a delivery entry. The last one is 0. */
export const DELIVERY = { lengthLow: 0, lengthHigh: 1, sequenceLow: 2 } as const;

/** Words of a return entry. The last two are 0. */
export const RETURN = { sequenceLow: 0, disposition: 1 } as const;

/** What became of a message's pages. */
export const DISPOSITION = {
  /** Nobody references them any more: they may be written again. */
  done: 0,
  /** They went on to a pipe or a socket, which may reference them for longer than anybody can tell. */
  referenced: 1,
} as const;

/** Which of the welcome's descriptors is the pipe's read end; those of the connection come first. */
export const DESCRIPTOR = { pipe: 3 } as const;

/** How many descriptors travel with the welcome. */
export const DESCRIPTOR_COUNT = 4;

/** Entries in each queue of a connection: how many messages may be under way to one receiver. */
export const QUEUE_CAPACITY = 1024;

/** What the counters grow by at the end of a message, beyond its bytes. */
export function paddingOf(byteLength: number, pageSize: number): number {
  return -byteLength & (pageSize - 1);
}
