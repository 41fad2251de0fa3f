import type { OwnBuffer } from '@pageferry/core';

/** Memory of one message, which is lent to the program or under way. */
export interface NatsMemory {
  /** The memory itself; as long as it was when it was taken, unless the program has had it taken over. */
  readonly buffer: OwnBuffer;
  /** What is lent of it. */
  readonly bytes: OwnBuffer;
  /** What the pool counts for it. */
  readonly byteLength: number;
  /** What it was sent as. */
  message?: Pick<Outgoing, 'hasLeft'>;
  /** Set for memory that is the caller's, and not of the pool. */
  readonly inPlace?: InPlace;
}

/** What is known of a message in memory of the caller's. */
export interface InPlace {
  /** Its number; by default the one that follows. */
  readonly sequence: number | undefined;
  /** Whether it waits for a receiver where there is none. */
  readonly waits: boolean;
}

/** A message that was accepted, or the end of all of them, or what stands for messages that nobody needs any more. */
export interface Outgoing {
  readonly kind: 'part' | 'end' | 'gone';
  readonly sequence: number;
  readonly byteLength: number;
  readonly tag: number;
  /** Number in the stream of its first piece. */
  readonly first: number;
  /** Number in the stream of its last piece. Whoever acknowledges that one is done with the message. */
  readonly last: number;
  /** Its bytes, until they are back in the pool. */
  memory: NatsMemory | undefined;
  /** True once the servers have all of it. */
  hasLeft: boolean;
  /** How many receivers with the policy `wait` are not done with it. */
  holders: number;
}

/** What stands for pieces that nobody needs any more, which have these numbers in the stream. */
export function goneFrom(first: number, last: number): Outgoing {
  return {
    kind: 'gone',
    sequence: 0,
    byteLength: 0,
    tag: 0,
    first,
    last,
    memory: undefined,
    hasLeft: false,
    holders: 0,
  };
}
