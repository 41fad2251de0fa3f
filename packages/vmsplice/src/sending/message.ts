import type { Slot } from '../memory/page-pool.js';

/** A message on its way to one or more receivers. */
export interface OutgoingMessage {
  readonly slot: Slot;
  /** Its bytes, possibly fewer than the slot's, which no program can detach. */
  readonly bytes: Uint8Array;
  readonly sequence: number;
  /** The program's number for it. */
  readonly tag: number;
  /** Which question of a channel it asks or answers; 0 for other messages. */
  readonly exchange: number;
}
