import type { ReceiverInfo } from '@pageferry/core';
import type { BehindPolicy } from '../protocol.js';

/** What the sender knows of a receiver. */
export interface SharedMmapReceiverInfo extends ReceiverInfo {
  /** What becomes of messages while the receiver is behind, as it has asked for. */
  readonly whenBehind: BehindPolicy;
  /** Messages that were dropped for it. */
  readonly messagesDropped: number;
}
