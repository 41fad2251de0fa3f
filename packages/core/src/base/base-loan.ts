import { checkInteger, checkTag } from '../checks.js';
import type { Bytes } from '../contract/bytes.js';
import type { AttachedDescriptor } from '../contract/descriptors.js';
import type { Loan, SendOutcome } from '../contract/sender.js';
import type { WaitOptions } from '../contract/transport.js';
import { dispose } from '../dispose.js';
import { PageferryError } from '../errors.js';
import { passesNoDescriptors } from './attaching.js';
import { bytesDetached } from './detached.js';
import type { Batch } from './drop-reports.js';
import type { LoanMemory } from './hooks.js';

/** What a loan asks of the sender it came from. Implemented by `BaseSender`. */
export interface LoanOwner<M extends LoanMemory> {
  /** True once its loans have no bytes any more. */
  readonly closed: boolean;
  /** Sends it, and waits for room. As `Loan.send`. */
  sendLoan(loan: BaseLoan<M>, options?: WaitOptions): Promise<SendOutcome>;
  /** Sends it if there is room. As `Loan.trySend`. */
  trySendLoan(loan: BaseLoan<M>): SendOutcome;
  /** See `Loan.attach`. Nothing is passed by who has none. */
  attachToLoan?(loan: BaseLoan<M>, descriptors: readonly AttachedDescriptor[]): void;
  /** Takes the memory back. Called once for each loan. */
  releaseLoan(loan: BaseLoan<M>): void;
}

/** What a program is shown of memory that is sealed. */
const NONE = new Uint8Array(0);

/** The one implementation of {@link Loan}: it knows who owns the memory, and nothing of transports. */
export class BaseLoan<M extends LoanMemory> implements Loan {
  readonly #owner: LoanOwner<M>;
  #bytes: Bytes;
  // Kept apart: the view of memory that was taken away has no length any more.
  #byteLength: number;
  #owned = true;
  #tag = 0;
  #batch: Batch;
  /** Which request or answer of a channel it is going to be; see `exchange.ts`. For `BaseChannel` only. */
  exchange = 0;
  /** The backend's memory behind the loan. For `BaseSender` and backends only. */
  readonly memory: M;

  /**
   * @param byteLength of `memory.bytes`: asking the array costs each message a call.
   * @param batch from the owner's `DropReports`.
   */
  constructor(owner: LoanOwner<M>, memory: M, byteLength: number, batch: Batch) {
    this.#owner = owner;
    this.#batch = batch;
    this.memory = memory;
    this.#bytes = memory.bytes;
    this.#byteLength = byteLength;
  }

  get bytes(): Bytes {
    this.checkOwned();
    return this.memory.sealed ? NONE : this.#bytes;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  get tag(): number {
    return this.#tag;
  }

  set tag(tag: number) {
    this.#tag = checkTag(tag);
  }

  get owned(): boolean {
    return this.#owned && !this.#owner.closed;
  }

  /** True until it is sent or released. */
  get held(): boolean {
    return this.#owned;
  }

  truncate(byteLength: number): void {
    this.checkOwned();
    checkInteger('byteLength', byteLength, 0, this.#byteLength);
    if (byteLength === this.#byteLength) return;
    // What is sealed shows no bytes, and may have been taken away.
    if (!this.memory.sealed) this.#bytes = this.#bytes.subarray(0, byteLength);
    this.#batch.shorten(this.#byteLength - byteLength);
    this.#byteLength = byteLength;
  }

  attach(descriptor: AttachedDescriptor): this {
    this.checkOwned();
    if (this.#owner.attachToLoan === undefined) throw passesNoDescriptors();
    this.#owner.attachToLoan(this, [descriptor]);
    return this;
  }

  send(options?: WaitOptions): Promise<SendOutcome> {
    return this.#owner.sendLoan(this, options);
  }

  trySend(): SendOutcome {
    return this.#owner.trySendLoan(this);
  }

  release(): void {
    if (this.#owned) this.#owner.releaseLoan(this);
  }

  [dispose](): void {
    this.release();
  }

  /** Whether it came from this sender. For `BaseSender` only. */
  isOf(owner: LoanOwner<M>): boolean {
    return this.#owner === owner;
  }

  /** Ends the caller's ownership. For `BaseSender` only. */
  disown(): void {
    this.#owned = false;
    this.#batch.giveBack(this.#byteLength);
  }

  /** It is the caller's again, though it was sent. For `BaseSender` only. */
  lendAgain(batch: Batch): void {
    this.#owned = true;
    this.#batch = batch;
    // Those that were shown before may have been taken away, or still be on their way.
    this.#bytes = this.memory.bytes;
  }

  /**
   * @throws `LOAN_NOT_OWNED` unless the caller owns the memory, `CLOSED` if the sender is closed,
   *   `BYTES_DETACHED` if the caller has let somebody else take it over.
   */
  checkOwned(): void {
    if (!this.#owned || this.#owner.closed || this.#isDetached()) this.#refuse();
  }

  // No getter: V8 calls its runtime for one that is private.
  /** What is sealed is not looked at: nobody is shown it, and a guarded view that was taken away throws. */
  #isDetached(): boolean {
    return !this.memory.sealed && this.#bytes.length !== this.#byteLength;
  }

  // Apart: V8 inlines the check into each call of a message while it is small.
  #refuse(): never {
    if (!this.#owned) {
      throw new PageferryError(
        'LOAN_NOT_OWNED',
        'this loan was already sent or released: its memory belongs to somebody else now',
      );
    }
    if (this.#owner.closed) {
      throw new PageferryError('CLOSED', 'the sender of this loan is closed; its memory is gone');
    }
    throw bytesDetached('loan');
  }
}
