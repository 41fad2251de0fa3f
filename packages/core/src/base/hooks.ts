/** Memory behind a loan, as a backend hands it out. Backends add what they need. */
export interface LoanMemory {
  /** Exactly as many bytes as were asked for, page-aligned where the transport has pages. */
  readonly bytes: Uint8Array;
  /**
   * True once the bytes cannot be changed any more though the message was not sent: the loan shows none
   * from then on, and stays the caller's.
   */
  readonly sealed?: boolean;
}

/** Memory behind a delivery, as a backend hands it out. Backends add what they need. */
export interface DeliveryMemory {
  readonly bytes: Uint8Array;
  readonly sequence: number;
  /** Bytes of the message that an interrupted `spliceTo` moved on before. */
  readonly offset: number;
}

/** What a backend's sender answers when it is asked to take a message. */
export type AcceptOutcome = 'sent' | 'full' | 'no-receiver';

/** A backend's share of {@link SenderStats}. */
export interface SendMethod {
  readonly method: string;
  readonly methodReason?: string | undefined;
}
