/**
 * What a sender or a listener tells of itself to a process of the same user that asks: counters, and nothing of any
 * message. A snapshot. Fields may be added without a new `schema`.
 */
export interface Inspection {
  /** The version of these fields. */
  readonly schema: 1;
  /** What has answered. */
  readonly side: 'sender' | 'listener';
  /** The endpoint as it was asked for there. */
  readonly endpoint: string;
  /** The process that has answered, as it knows itself: another pid namespace may have another number for it. */
  readonly pid: number;
  /** When it answered, in milliseconds of a clock that only goes forward: two reports give rates. */
  readonly at: number;
  /** By their names in `SenderStats`, or `ListenerStats`. */
  readonly counters: InspectedCounters;
  /** What calls of it wait for now, in the words that a time limit would bring; none if nothing waits. */
  readonly waitsFor: readonly string[];
  /** How many receivers, or channels, there are. */
  readonly peerCount: number;
  /** Who they are: at most 100 of them, and then those that are furthest behind. */
  readonly peers: readonly InspectedPeer[];
}

/** The counters that every {@link Inspection} has, and those of a listener besides. */
export interface InspectedCounters {
  /** See `SenderStats.messagesSent`. */
  readonly messagesSent: number;
  /** See `SenderStats.bytesSent`. */
  readonly bytesSent: number;
  /** See `SenderStats.loansHeld`. */
  readonly loansHeld: number;
  /** See `SenderStats.bytesOut`. */
  readonly bytesOut: number;
  /** See `SenderStats.sharedBytes`. */
  readonly sharedBytes: number;
  /** See `SenderStats.connectionsFailed`. Of a sender only. */
  readonly connectionsFailed?: number | undefined;
  /** See `ReceiverStats.messagesReceived`. Of a listener only, as are those that follow. */
  readonly messagesReceived?: number | undefined;
  /** See `ReceiverStats.bytesReceived`. */
  readonly bytesReceived?: number | undefined;
  /** See `ChannelStats.requestsOpen`. */
  readonly requestsOpen?: number | undefined;
}

/** One receiver, or the other side of one channel. What is not known of it is absent. */
export interface InspectedPeer {
  /** See `ReceiverInfo.id`. */
  readonly id?: number | undefined;
  /** Its process, as the one that has answered sees it. */
  readonly pid?: number | undefined;
  /** Its user. */
  readonly uid?: number | undefined;
  /** See `ReceiverInfo.messagesBehind`. */
  readonly messagesBehind?: number | undefined;
  /** See `ReceiverInfo.bytesBehind`. */
  readonly bytesBehind?: number | undefined;
  /** What becomes of messages while it is behind, where the transport has a choice. */
  readonly whenBehind?: string | undefined;
  /** Messages that were dropped for it, where the transport drops any. */
  readonly messagesDropped?: number | undefined;
  /** Messages that came over a channel. */
  readonly messagesReceived?: number | undefined;
  /** Messages that were sent over it. */
  readonly messagesSent?: number | undefined;
}
