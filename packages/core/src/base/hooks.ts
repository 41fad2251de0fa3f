import type { SpliceDestination } from '../contract/receiver.js';
import type { ReceiverInfo } from '../contract/sender.js';

/** Memory behind a loan, as a backend hands it out. Backends add what they need. */
export interface LoanMemory {
  /** Exactly as many bytes as were asked for, page-aligned where the transport has pages. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * True once the bytes cannot be changed any more though the message was not sent: the loan shows none
   * from then on, and stays the caller's.
   */
  readonly sealed?: boolean;
}

/**
 * A message on its way through a receiver, of which part may have moved on already. Backends add what they
 * need, and own the progress: whoever takes the message over next goes on from there.
 */
export interface InboundMessage {
  /** Length of the whole message in bytes. */
  readonly byteLength: number;
  readonly sequence: number;
  /** The sender's number for it. */
  readonly tag: number;
  /** Bytes that `spliceTo` has moved on. */
  readonly offset: number;
  /** What is left of it, once it was gathered: to be handed over. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Where a message is to be moved on to. */
export interface MoveTarget {
  readonly fd: number;
  /** A pipe that gets the same bytes too; only with the capability `tee`. */
  readonly teeFd: number | undefined;
  /** What the caller passed, for backends that remember what it is. */
  readonly destination: SpliceDestination;
}

/** What a backend's sender answers when it is asked to take a message. */
export type AcceptOutcome = 'sent' | 'full' | 'no-receiver';

/** Those whom a sender serves. */
export interface Subscribers {
  /** Snapshot for `Sender.receivers`. */
  list(): readonly ReceiverInfo[];
  /** How many are connected; cheaper than the list. */
  count(): number;
  /** True if everything that was accepted has left this process. */
  readonly hasLeft: boolean;
  /** True if every receiver is done with everything that was accepted. */
  readonly isIdle: boolean;
}

/** A backend's share of {@link SenderStats}. */
export interface SendMethod {
  readonly method: string;
  readonly methodReason?: string | undefined;
}
