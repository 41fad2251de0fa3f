import {
  BaseLoan,
  checkBytes,
  checkMessageLength,
  checkWaitOptions,
  copyInPieces,
  counted,
  DropReports,
  inBytes,
  isPageferryError,
  type Loan,
  type LoanMemory,
  type LoanOwner,
  PageferryError,
  type PipeWriter,
  type PipeWriterStats,
  type SendOutcome,
  SerialQueue,
  type WaitOptions,
  withBytesTransferred,
  withDeadline,
} from '@pageferry/core';
import { type LinuxCalls, PIPE_BUF, POLLERR, POLLOUT, pollNow } from '@pageferry/linux';
import type { Slot } from '../memory/page-pool.js';
import { MAX_MESSAGE_BYTES } from '../protocol.js';
import { chooseOutlet, type Outlet, sendMethodOf } from '../sending/outlet.js';
import type { PipeEndSettings } from './options.js';
import { PipeEnd, type SelfHeld } from './pipe-end.js';

interface SlotMemory extends LoanMemory {
  readonly slot: Slot;
}

/** What was accepted and is not in the pipe as a whole yet. */
interface Leaving {
  readonly slot: Slot;
  readonly bytes: Uint8Array;
  /** How many of the bytes are in the pipe. */
  offset: number;
  /** Why the rest can never go in. */
  failure?: unknown;
}

const NOTHING: WaitOptions = {};

/**
 * The one {@link PipeWriter}. Nobody acknowledges anything, so a page that went into the pipe is never
 * written again: the kernel keeps it for the program, and the pool gets a fresh one in its place.
 */
export class WritingEnd extends PipeEnd implements PipeWriter, LoanOwner<SlotMemory> {
  readonly #outlet: Outlet;
  readonly #poolBytes: number;
  readonly #drops = new DropReports('loan', () => this.closed);
  readonly #borrowing = new SerialQueue();
  readonly #sending = new SerialQueue();
  #closing: Promise<void> | undefined;
  #leaving: Leaving | undefined;
  /** What was accepted last, be it in the pipe by now or not. */
  #accepted: Leaving | undefined;
  /** Why something that was accepted can never go in: behind that hole nothing may follow. */
  #lost: unknown;
  #bytesWritten = 0;
  #loansHeld = 0;

  /** @throws `SYSTEM_CALL_FAILED`. */
  constructor(calls: LinuxCalls, settings: PipeEndSettings) {
    const outlet = chooseOutlet(calls);
    super(calls, 'pageferry:PipeWriter', settings);
    this.#outlet = outlet;
    this.#poolBytes = settings.poolBytes;
  }

  get closed(): boolean {
    return this.#closing !== undefined || this.isOver;
  }

  tryLoan(byteLength: number): Loan | undefined {
    this.#checkOpen();
    checkMessageLength(byteLength, MAX_MESSAGE_BYTES);
    return this.#borrowing.busy ? undefined : this.#lend(byteLength);
  }

  async loan(byteLength: number, options: WaitOptions = NOTHING): Promise<Loan> {
    this.#checkOpen();
    checkMessageLength(byteLength, MAX_MESSAGE_BYTES);
    checkWaitOptions(options);
    return await withDeadline(
      options,
      (signal) => this.#borrow(byteLength, signal),
      () => this.#whyNoRoom(byteLength),
    );
  }

  async write(
    bytes: ArrayBufferView | readonly ArrayBufferView[],
    options: WaitOptions = NOTHING,
  ): Promise<SendOutcome> {
    this.#checkOpen();
    const pieces = checkBytes('bytes', bytes);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const byteLength = checkMessageLength(length, MAX_MESSAGE_BYTES);
    checkWaitOptions(options);
    let loan: BaseLoan<SlotMemory> | undefined;
    const writeCopy = async (signal: AbortSignal | undefined): Promise<SendOutcome> => {
      const lent = await this.#borrow(byteLength, signal);
      loan = lent;
      try {
        return await this.#send(lent, signal, () => copyInPieces(lent, pieces, this.budget));
      } finally {
        lent.release();
      }
    };
    return await withDeadline(options, writeCopy, () =>
      loan === undefined ? this.#whyNoRoom(byteLength) : this.#whyNotSent(loan),
    );
  }

  async flush(options: WaitOptions = NOTHING): Promise<void> {
    this.#checkOpen();
    checkWaitOptions(options);
    const flush = async (signal: AbortSignal | undefined): Promise<void> => {
      await this.readiness.waits.until(() => this.#hasLeft(), signal);
      if (this.#lost !== undefined) throw this.#lost;
    };
    await withDeadline(options, flush, () => this.#whatIsLeft());
  }

  async close(options: WaitOptions = NOTHING): Promise<void> {
    checkWaitOptions(options);
    if (this.#closing === undefined) {
      this.#closing = this.#closeInOrder(options);
      // Calls that wait for a loan, or to be accepted, learn of it now.
      this.readiness.waits.wake();
    }
    return this.#closing;
  }

  async destroy(): Promise<void> {
    this.end(new PageferryError('CLOSED', 'this writer is closed'));
  }

  /** As {@link destroy}: what waits, and every later call, throws `error`. */
  end(error: PageferryError): void {
    if (this.isOver) return;
    this.markOver(error);
    this.readiness.close();
    this.pool.close();
  }

  stats(): PipeWriterStats {
    return {
      bytesWritten: this.#bytesWritten,
      loansHeld: this.closed ? 0 : this.#loansHeld,
      bytesOut: this.isOver ? 0 : this.pool.bytesOut,
      ...sendMethodOf(this.#outlet),
    };
  }

  /** For `BaseLoan` only. */
  async sendLoan(loan: BaseLoan<SlotMemory>, options: WaitOptions = NOTHING): Promise<SendOutcome> {
    checkWaitOptions(options);
    return await withDeadline(
      options,
      (signal) => this.#send(loan, signal),
      () => this.#whyNotSent(loan),
    );
  }

  /** For `BaseLoan` only. */
  trySendLoan(loan: BaseLoan<SlotMemory>): SendOutcome {
    loan.checkOwned();
    return this.#sending.busy ? 'full' : this.#offer(loan);
  }

  /** For `BaseLoan` only. */
  releaseLoan(loan: BaseLoan<SlotMemory>): void {
    loan.disown();
    this.#loansHeld--;
    if (this.closed) return;
    this.pool.giveBack(loan.memory.slot);
    if (this.#borrowing.busy) this.readiness.waits.wake();
  }

  protected override awaitedEvents(): number {
    // Whoever else waits does so for memory, which this program gives back.
    return this.#leaving !== undefined || this.#sending.busy ? POLLOUT : 0;
  }

  #lend(byteLength: number): BaseLoan<SlotMemory> | undefined {
    const slot = this.pool.take(byteLength);
    if (slot === undefined) return undefined;
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = slot.bytes;
    } catch (error) {
      this.pool.giveBack(slot);
      throw error;
    }
    this.#loansHeld++;
    return new BaseLoan(this, { bytes, slot }, byteLength, this.#drops.add(byteLength));
  }

  #borrow(byteLength: number, signal: AbortSignal | undefined): Promise<BaseLoan<SlotMemory>> {
    return this.#borrowing.run(async () => {
      await this.takeTurns();
      let loan: BaseLoan<SlotMemory> | undefined;
      const lend = (): boolean => {
        this.#checkOpen();
        loan = this.#lend(byteLength);
        return loan !== undefined;
      };
      if (!lend()) await this.untilMemory(lend, signal, () => this.#selfHeld());
      return loan as unknown as BaseLoan<SlotMemory>;
    }, signal);
  }

  /** @param prepare what is to be done with the loan once it is its turn. */
  #send(
    loan: BaseLoan<SlotMemory>,
    signal: AbortSignal | undefined,
    prepare?: () => Promise<void>,
  ): Promise<SendOutcome> {
    return this.#sending.run(async () => {
      await this.takeTurns();
      await prepare?.();
      let outcome: SendOutcome = 'full';
      await this.readiness.waits.until(() => {
        loan.checkOwned();
        outcome = this.#offer(loan);
        return outcome !== 'full';
      }, signal);
      if ((outcome as SendOutcome) === 'no-receiver') return outcome;
      const accepted = this.#accepted;
      await this.readiness.waits.until(() => this.#hasLeft(), signal);
      return accepted?.failure === undefined ? outcome : outcomeOf(accepted.failure);
    }, signal);
  }

  /** Takes the bytes of a loan if a first part of them goes into the pipe now. */
  #offer(loan: BaseLoan<SlotMemory>): SendOutcome {
    if (!this.#hasLeft()) return 'full';
    if (this.#lost !== undefined) return outcomeOf(this.#lost);
    const { slot } = loan.memory;
    const bytes = slot.inner.subarray(0, loan.byteLength);
    // What fails here has put nothing into the pipe: the loan stays the caller's.
    const taken = this.#put(bytes, 0);
    if (taken < 0) return 'no-receiver';
    if (taken === 0 && bytes.length > 0) return 'full';
    loan.disown();
    this.#loansHeld--;
    this.#bytesWritten += taken;
    const leaving: Leaving = { slot, bytes, offset: taken };
    this.#leaving = leaving;
    this.#accepted = leaving;
    this.readiness.waits.moved();
    // What does not fit now goes in when the program makes room, whether or not anybody waits for it.
    if (!this.#hasLeft()) {
      this.readiness.waits
        .until(() => this.#hasLeft())
        .catch((error) => this.#giveUp(leaving, error));
    }
    return 'sent';
  }

  /** True once all that was accepted is in the pipe, or can never be. Pushes it on. */
  #hasLeft(): boolean {
    const leaving = this.#leaving;
    if (leaving === undefined) return true;
    const { bytes, slot } = leaving;
    while (leaving.offset < bytes.length && leaving.failure === undefined) {
      if (!this.#pushOn(leaving)) return false;
      if (leaving.offset < bytes.length && this.budget.exhausted()) {
        this.readiness.waits.resumeSoon();
        return false;
      }
    }
    this.#leaving = undefined;
    slot.referenced = this.#outlet.method === 'vmsplice';
    this.pool.giveBack(slot);
    // A loan may wait for this memory.
    if (this.readiness.waits.parked > 0) this.readiness.waits.resumeSoon();
    return true;
  }

  /** False if there is no room now. What fails is noted: there may be no call that it could be thrown from. */
  #pushOn(leaving: Leaving): boolean {
    try {
      const taken = this.#put(leaving.bytes, leaving.offset);
      if (taken === 0) return false;
      if (taken < 0) {
        throw new PageferryError(
          'PEER_DIED',
          'the program has closed its end of the pipe in the middle of a write',
          { bytesTransferred: leaving.offset },
        );
      }
      leaving.offset += taken;
      this.#bytesWritten += taken;
      this.readiness.waits.moved();
    } catch (error) {
      this.#giveUp(leaving, error);
    }
    return true;
  }

  #giveUp(leaving: Leaving, error: unknown): void {
    leaving.failure ??= withBytesTransferred(error, leaving.offset);
    this.#lost ??= leaving.failure;
    if (this.readiness.waits.parked > 0) this.readiness.waits.resumeSoon();
  }

  /** @returns bytes taken; 0 if there is no room now; -1 if nobody reads any more. */
  #put(bytes: Uint8Array, offset: number): number {
    const { fd } = this.readiness;
    const rest = bytes.length - offset;
    if (this.#outlet.method === 'vmsplice' && rest > 0) {
      return this.#outlet.put(fd, bytes, offset, rest);
    }
    // The pipe may be in blocking mode, and that is not this program's to change.
    const revents = pollNow(this.calls, fd, POLLOUT);
    // Of a write end: no reader is left (poll(2)).
    if ((revents & POLLERR) !== 0) return -1;
    if ((revents & POLLOUT) === 0 || rest === 0) return 0;
    return this.#outlet.put(fd, bytes, offset, Math.min(PIPE_BUF, rest));
  }

  async #closeInOrder(options: WaitOptions): Promise<void> {
    await null; // From here on `closed` is true.
    try {
      await withDeadline(
        options,
        (signal) => this.readiness.waits.until(() => this.#hasLeft(), signal),
        () => this.#whatIsLeft(),
      );
    } catch (error) {
      if (this.isOver) return;
      await this.destroy();
      throw error;
    }
    await this.destroy();
  }

  #checkOpen(): void {
    this.checkNotOver();
    if (this.closed) throw new PageferryError('CLOSED', 'this writer is closed');
  }

  #whyNoRoom(byteLength: number): string {
    const out = `${inBytes(this.pool.bytesOut)} of a pool of ${inBytes(this.#poolBytes)} are out`;
    return `no room for ${inBytes(byteLength)}: ${out} (${this.#loansInWords()}); ${this.#whatIsLeft()}`;
  }

  #whyNotSent(loan: BaseLoan<SlotMemory>): string {
    return loan.held
      ? `the pipe is full, and none of ${inBytes(loan.byteLength)} went in`
      : this.#whatIsLeft();
  }

  #whatIsLeft(): string {
    const leaving = this.#leaving;
    const left = leaving === undefined ? 0 : leaving.bytes.length - leaving.offset;
    return `what waits for the program to read: ${inBytes(left)}`;
  }

  #loansInWords(): string {
    return `${counted(this.#loansHeld, 'loan')} neither sent nor released`;
  }

  #selfHeld(): SelfHeld | undefined {
    if (this.#loansHeld === 0 || this.#leaving !== undefined) return undefined;
    const words =
      `a loan waits for memory that only this program can give back: the pool of a pipe's writer ` +
      `(${inBytes(this.#poolBytes)}) is out, ${this.#loansInWords()}. A loan whose send() said ` +
      "'no-receiver' may still be yours: release() it, or hold it with `using`.";
    return { words, code: 'PAGEFERRY_LOANS_HELD' };
  }
}

/** What becomes of a write that cannot go on: a program that ends when it has read enough is no error. */
function outcomeOf(failure: unknown): 'no-receiver' {
  if (isPageferryError(failure, 'PEER_DIED')) return 'no-receiver';
  throw failure;
}
