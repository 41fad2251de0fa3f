import type { Choices } from './random.js';

/** The three ways in which payload travels. */
export type Mechanism = 'shared-mmap' | 'vmsplice' | 'socket';

/** What a hostile peer pretends to be. */
export interface Role {
  readonly mechanism: Mechanism;
  /** Whether it is a side of a channel, or else a sender (who opens) or a receiver (who comes). */
  readonly isChannel: boolean;
  /** Of a receiver of shared memory: 0 `wait`, 1 `drop-newest`, 2 `drop-oldest`. */
  readonly policy: number;
}

/** What a role says in the handshake. */
export function nameOf({ mechanism, isChannel }: Role): string {
  return isChannel ? `${mechanism}-channel` : mechanism;
}

/** A peer that has shaken hands. It does nothing unless it is told to. */
export interface RawPeer {
  /** Takes honestly what has come, and gives it back, so that nobody is held up by contract. */
  keepUp(): void;
  /** Sends an honest message, if it is one that sends and has room. `exchange` is its question or answer. */
  say(exchange?: number): void;
  /** Says one thing that is not so: of what it returns, of what it sends, of how much. */
  lie(choices: Choices): void;
  /**
   * Changes that many words of what both sides write to, or parts of that many frames, at full speed. Returns how many
   * changes were made.
   */
  scribble(choices: Choices, scope: Scope, count: number): number;
  /** Turns an entry that is published back and forth between what is right and what is not. */
  toggle(choices: Choices, count: number): number;
  /** Says something beside the protocol: records, garbage, descriptors. */
  shout(choices: Choices): void;
  /** Rings, whether there is anything new or not. */
  ring(): void;
  /** Makes block whatever both sides share and could block, and fills it up. */
  block(): void;
  /** Cuts off the memory that it has passed, as far as it can. Then it may only settle, look whether it is over, and close. */
  truncate(): void;
  /** Whether the other side has given it up. */
  isOver(): boolean;
  /** Keeps up for so many milliseconds, or until it is given up: the other side has time to see what it did. */
  settle(milliseconds: number): void;
  /** Gives everything back, and hangs up. */
  close(): void;
}

/** Which words {@link RawPeer.scribble} changes. */
export const SCOPES = ['all', 'hot', 'entries', 'returns', 'parked', 'counters'] as const;

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number];
