import type { PagePool, Slot } from '../memory/page-pool.js';

/** Bytes that came out of the pipe but have not moved on. */
export interface Carry {
  readonly slot: Slot;
  /** Where the slot goes back to. */
  readonly pool: PagePool;
  /** The part of the slot that still has to move on. */
  start: number;
  end: number;
}

/**
 * The message that is being received. It outlives a call that was aborted or failed half-way, so
 * that the next call can go on with it.
 */
export interface InboundMessage {
  readonly sequence: number;
  readonly byteLength: number;
  /** Bytes taken out of the pipe. */
  taken: number;
  /** Bytes that `spliceTo` has moved on. */
  moved: number;
  /** Bytes that were duplicated by `tee`; those beyond `taken` are still in the pipe too. */
  teed: number;
  /** True once pages went on to where they may be referenced for longer. */
  referenced: boolean;
  /** Bytes in between: taken, not moved on. */
  carry: Carry | undefined;
}
