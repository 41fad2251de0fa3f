import type { Bytes } from '../contract/bytes.js';
import type { ReceivedDescriptor } from '../contract/descriptors.js';
import type { SpliceDestination } from '../contract/receiver.js';
import type { ReceiverInfo } from '../contract/sender.js';

/** Memory behind a loan, as a backend hands it out. Backends add what they need. */
export interface LoanMemory {
  /** Exactly as many bytes as were asked for, page-aligned where the transport has pages. */
  readonly bytes: Bytes;
  /**
   * True once the bytes cannot be changed any more though the message was not sent: the loan shows none
   * from then on, and stays the caller's.
   */
  readonly sealed?: boolean;
  /** How many descriptors are to travel with the message. */
  readonly attachedCount?: number;
}

/**
 * A message on its way through a receiver, of which part may have moved on already. Backends add what they
 * need, and own the progress: whoever takes the message over next goes on from there.
 *
 * Once it was given back, the object may be another message. `byteLength`, `tag` and `descriptorCount` stay what they were; of the
 * others a delivery keeps what it tells.
 */
export interface InboundMessage {
  /** Length of the whole message in bytes. */
  readonly byteLength: number;
  /** The sender's number of the message. */
  readonly sequence: number;
  /** The sender's number for it. */
  readonly tag: number;
  /** Which request or answer of a channel it is; see `exchange.ts`. 0 or nothing for any other message. */
  readonly exchange?: number;
  /** Why a question has no answer, where this side has found out by itself. It comes in the place of a failure. */
  readonly failure?: unknown;
  /** Bytes that `spliceTo` has moved on. */
  readonly offset: number;
  /** What is left of it, once it was gathered: to be handed over. */
  readonly bytes: Bytes;
  /** How many descriptors came with it, and were not taken. The backend closes them when the message is given back. */
  readonly descriptorCount?: number;
  /** Hands them over. */
  takeDescriptors?(): readonly ReceivedDescriptor[];
}

/** A message as other threads see it. */
export interface ThreadMemory {
  /** In a `SharedArrayBuffer` that nothing else has. */
  readonly bytes: Uint8Array;
  /** One word, which counts the threads that are not done with it. */
  readonly holds: Int32Array;
  /** The descriptor that is rung by whoever brings the count to 0. */
  readonly bell: number;
}

/** Where a message is to be moved on to. */
export interface MoveTarget {
  /** Where to; it stays the caller's. */
  readonly fd: number;
  /** A pipe that gets the same bytes too; only with the capability `tee`. */
  readonly teeFd: number | undefined;
  /** What the caller passed, for backends that remember what it is. */
  readonly destination: SpliceDestination;
}

/** What a backend's sender answers when it is asked to take a message. */
export type AcceptOutcome = 'sent' | 'full' | 'no-receiver';

/** What tells the other side of something: of each at once, or of several together. */
export interface Corkable {
  /** From now on the other side is told of nothing. */
  cork(): void;
  /** Tells it of all that it was not told of, and of each at once from now on. */
  uncork(): void;
}

/**
 * A pool of memory, and the subscribers that it serves. Nothing here waits: it answers what is possible now, and
 * is asked again when something has changed. It may be one that can tell receivers of several messages together.
 */
export interface Outbox<M extends LoanMemory> extends Partial<Corkable> {
  /** Memory for a message of `byteLength` bytes, or `undefined` while there is no room. */
  allocate(byteLength: number): M | undefined;
  /** Takes back memory of a loan that was not sent, and closes the descriptors that are attached to it. */
  free(memory: M): void;
  /**
   * A duplicate of a descriptor, to {@link attach}. Only with the capability `maxDescriptors`.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  duplicate?(fd: number): ReceivedDescriptor;
  /** Takes over descriptors that are to travel with the message in `memory`, behind those that it has. */
  attach?(memory: M, descriptors: readonly ReceivedDescriptor[]): void;
  /** As {@link free}, of a sender that was closed meanwhile: where others lend from the same pool. */
  freeAfterClose?(memory: M): void;
  /**
   * Takes a message for every subscriber, or none of them. Whoever answers `sent` owns the memory from then
   * on. Once a single receiver may see the message nothing throws any more, in here or in {@link settle}: what
   * fails then ends that connection (`ConnectionFailures`).
   *
   * @param byteLength how much of `memory.bytes` to send.
   * @param tag the caller's number, to travel beside the bytes.
   * @param exchange which request or answer of a channel it is, to travel there, too; 0 for any other message.
   */
  accept(memory: M, byteLength: number, tag: number, exchange: number): AcceptOutcome;
  /** Pushes on what was accepted, as far as it goes, and takes in what has come back. Must not throw. */
  settle(): void;
  /** Bytes in the caller's hands or not yet given back. */
  readonly bytesOut: number;
  /** See `SenderStats.sharedBytes`. By default the memory is this process's alone. */
  readonly sharedBytes?: number;
  /** True if everything that was accepted has left this process. */
  readonly hasLeft: boolean;
  /**
   * Where messages leave by several ways: whom to ask whether the message in `memory`, which was just accepted, has
   * left. Those that go another way do not wait for it. Elsewhere they leave one after the other.
   */
  wayOf?(memory: M): { readonly hasLeft: boolean } | undefined;
  /** True if every subscriber is done with everything that was accepted. */
  readonly isIdle: boolean;
  /** Snapshot for `Sender.receivers`. */
  list(): readonly ReceiverInfo[];
  /** How many subscribers there are; cheaper than the list. */
  count(): number;
}

/** A backend's share of {@link SenderStats}. */
export interface SendMethod {
  /** See {@link SenderStats}. */
  readonly method: string;
  /** See {@link SenderStats}. */
  readonly methodReason?: string | undefined;
}
