import type { BridgeChange } from '@pageferry/core';

/** Counters of a bridge since it was opened. A snapshot. */
export interface BridgeStats {
  /** What the bridge does now. */
  readonly state: BridgeChange['state'];
  /** Messages that were sent on, and given back to their sender. */
  readonly messagesBridged: number;
  /** Payload bytes of those messages. */
  readonly bytesBridged: number;
  /** Messages that were not sent on: nobody was there (`whenNobody: 'drop'`), or they are too large for the transport. */
  readonly messagesDropped: number;
  /** Messages that the sender had dropped for the bridge, which was behind: their numbers were left out. */
  readonly messagesMissed: number;
  /** Messages that a bridge before this one had sent on already (`takeOver`). */
  readonly messagesFound: number;
  /** Descriptors that came with messages, and were closed: none goes to another host. */
  readonly descriptorsDropped: number;
  /** Messages that the bridge holds now. */
  readonly messagesUnderWay: number;
  /** Bytes of those messages. */
  readonly bytesUnderWay: number;
  /** How often both ends were connected. */
  readonly connections: number;
  /** How often that, or an attempt to connect, has failed. */
  readonly failures: number;
  /** What has failed last. Absent if nothing has. */
  readonly lastFailure?: unknown;
}

/** What a bridge counts. */
export class Counts {
  messagesBridged = 0;
  bytesBridged = 0;
  messagesDropped = 0;
  messagesMissed = 0;
  messagesFound = 0;
  descriptorsDropped = 0;
  messagesUnderWay = 0;
  bytesUnderWay = 0;
  connections = 0;
  failures = 0;
}
