/** How a receiver takes its messages. */
export type Way = 'try' | 'for-await' | 'many';

/** What a sender and its receivers have to do. */
export interface Workload {
  /** Module and export of the transport, for example `@pageferry/shared-mmap#sharedMmap`. */
  readonly transport: string;
  readonly endpoint: string;
  readonly messageBytes: number;
  /** Messages that are measured. */
  readonly count: number;
  /** Messages before them, while V8 compiles the loops. */
  readonly warmUp: number;
  readonly receivers: number;
  /** How many messages the pool has room for. */
  readonly slots: number;
  readonly way: Way;
  /** Whether every byte is copied in and looked at, or the first one only. */
  readonly copy: boolean;
  /** Whether both sides look at their size at the start, in the middle and at the end. */
  readonly samples: boolean;
}

/** What the two peers that throw a message to and fro have to do. The one that begins asks, in requests. */
export interface PingPongWorkload {
  readonly transport: string;
  readonly endpoint: string;
  readonly count: number;
  readonly warmUp: number;
  /** Whether they wait for each other asleep. Otherwise they poll. */
  readonly park: boolean;
  /**
   * Whether the memory of the next message is lent before this one comes, and this one is released when
   * the next is on its way: whoever waits for an answer does not wait for that.
   */
  readonly ahead: boolean;
  /** Whether who asks awaits each answer; for requests alone. Otherwise it looks for it again and again. */
  readonly awaits: boolean;
  /** The one that throws first is the one that looks at the clock. */
  readonly begins: boolean;
}

/** What is in every message, and what is looked for in vain. */
export const CONTENT = 1;
export const ABSENT = 2;

/** The pool in which so many messages have room: slots are whole cache lines, or whole pages. */
export function poolBytesFor({
  messageBytes,
  slots,
}: Pick<Workload, 'messageBytes' | 'slots'>): number {
  const unit = messageBytes < 4096 ? 64 : 4096;
  return slots * Math.ceil(messageBytes / unit) * unit;
}

/** What one run took, in all. */
export interface Trial {
  readonly nanoseconds: number;
  /** Processor time of the sender alone. */
  readonly senderNanoseconds?: number;
}

/** One look at a process that is to run for a long time. */
export interface Sample {
  /** `warm`, `middle` or `end`. */
  readonly when: string;
  readonly residentBytes: number;
  readonly descriptors: number;
}

/** One of Node's own ways to get bytes from one process to another. */
export type Channel = 'stdio' | 'socket' | 'advanced';

/** What the two ends of such a channel have to do. */
export interface ChannelWorkload {
  readonly channel: Channel;
  readonly endpoint: string;
  readonly messageBytes: number;
  readonly count: number;
  readonly warmUp: number;
  /** Whether the receiver looks at every byte, or counts them only. */
  readonly scan: boolean;
}
