/**
 * The words of the control memory that are this mechanism's own, beside those of `@pageferry/connection`,
 * and what the words of its queue entries mean.
 *
 * The pipe itself carries payload alone. Each message begins on a page of its own, so that the byte
 * counters are rounded up to a whole page at the end of each message: their difference tells how much of
 * the pipe is taken up.
 */

/** Written by the sender. */
export const SENDER_WORDS = {
  /** Bytes of payload ever put into the pipe. */
  bytesProduced: 33,
} as const;

/** Written by the receiver. */
export const RECEIVER_WORDS = {
  /** Bytes of payload ever taken out of the pipe. */
  bytesConsumed: 65,
} as const;

/** Written by the sender before it parks. */
export const PARKED_WORDS = {
  /** With {@link WAITS_FOR_ROOM}: the value of `bytesConsumed` at which to wake the sender. */
  senderWakeAt: 97,
} as const;

/** A parked sender waits for room in the pipe: a bit beside those of `WAITS_FOR`. */
export const WAITS_FOR_ROOM = 2;

/** Words of a delivery entry. */
export const DELIVERY = {
  lengthLow: 0,
  lengthHigh: 1,
  sequenceLow: 2,
  /** The program's number for the message. */
  tag: 3,
  /** Which question of a channel it asks or answers (`exchange.ts` of `@pageferry/core`); 0 for other messages. */
  exchange: 4,
} as const;

/** Words to read of a delivery entry. */
export const DELIVERY_ENTRY_WORDS = 5;

/** Words of a return entry. The last two are 0. */
export const RETURN = { sequenceLow: 0, disposition: 1 } as const;

/** What became of a message's pages. */
export const DISPOSITION = {
  /** Nobody references them any more: they may be written again. */
  done: 0,
  /** They went on to a pipe or a socket, which may reference them for longer than anybody can tell. */
  referenced: 1,
} as const;

/** What the counters grow by at the end of a message, beyond its bytes. */
export function paddingOf(byteLength: number, pageSize: number): number {
  return -byteLength & (pageSize - 1);
}
