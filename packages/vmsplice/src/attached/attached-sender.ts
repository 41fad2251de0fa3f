import {
  type AcceptOutcome,
  BaseSender,
  type LoanMemory,
  PageferryError,
  type ReceiverInfo,
  type SendMethod,
} from '@pageferry/core';
import { type LinuxCalls, POLLERR, POLLOUT, pollNow } from '@pageferry/linux';
import { attachedCapabilities } from '../capabilities.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import { chooseOutlet, type Outlet, sendMethodOf } from '../sending/outlet.js';
import type { AttachSettings } from './options.js';
import { ReadinessWaits } from './readiness-waits.js';

interface SlotMemory extends LoanMemory {
  readonly slot: Slot;
}

/** What a blocking pipe that says it is ready takes without blocking (`PIPE_BUF`, pipe(7)). */
const SURE_BYTES = 4096;

/**
 * A sender whose receiver is a foreign program: raw bytes, no frames.
 *
 * Nobody acknowledges anything, so a page that went into the pipe is never written again: the
 * kernel keeps it for the reader, and the pool gets a fresh one in its place.
 */
export class AttachedSender extends BaseSender<SlotMemory> {
  readonly #calls: LinuxCalls;
  readonly #outlet: Outlet;
  readonly #pool: PagePool;
  readonly #readiness: ReadinessWaits;
  #leaving: { readonly slot: Slot; readonly bytes: Uint8Array; offset: number } | undefined;
  #broken = false;
  /** What failed on this side, if that is why the pipe is broken. */
  #failure: unknown;

  constructor(calls: LinuxCalls, settings: AttachSettings) {
    super({
      endpoint: '',
      capabilities: attachedCapabilities,
      spinMicroseconds: settings.spinMicroseconds,
      poolBytes: settings.poolBytes,
    });
    this.#calls = calls;
    this.#outlet = chooseOutlet(calls);
    this.#pool = new PagePool(calls, settings.poolBytes);
    this.#readiness = new ReadinessWaits({
      ...settings,
      calls,
      // With nothing to put in, whoever waits does so for memory: that comes from the program itself.
      events: () => (this.#leaving === undefined ? 0 : POLLOUT),
      budget: this.budget,
    });
  }

  protected override allocate(byteLength: number): SlotMemory | undefined {
    const slot = this.#pool.take(byteLength);
    return slot && { bytes: slot.bytes, slot };
  }

  protected override free(memory: SlotMemory): void {
    this.#pool.giveBack(memory.slot);
  }

  protected override accept(memory: SlotMemory, byteLength: number): AcceptOutcome {
    if (!this.#readerLives()) return 'no-receiver';
    if (!this.hasLeft()) return 'full';
    const bytes = memory.slot.inner.subarray(0, byteLength);
    this.#leaving = { slot: memory.slot, bytes, offset: 0 };
    // What does not fit now leaves when the reader makes room, whether or not anybody waits for it.
    if (!this.hasLeft()) {
      this.#readiness.waits.until(() => this.hasLeft()).catch((error) => this.#break(error));
    }
    return 'sent';
  }

  protected override hasLeft(): boolean {
    const leaving = this.#leaving;
    if (leaving === undefined) return true;
    while (leaving.offset < leaving.bytes.length && !this.#broken) {
      const taken = this.#putOrBreak(leaving.bytes, leaving.offset);
      if (taken === 0) return false;
      leaving.offset += Math.max(taken, 0);
      this.#readiness.waits.moved();
      if (leaving.offset < leaving.bytes.length && this.budget.exhausted()) {
        this.#readiness.waits.resumeSoon();
        return false;
      }
    }
    this.#leaving = undefined;
    leaving.slot.referenced = this.#outlet.method === 'vmsplice';
    this.#pool.giveBack(leaving.slot);
    // A loan may wait for this room.
    if (this.#readiness.waits.parked > 0) this.#readiness.waits.resumeSoon();
    return true;
  }

  protected override isFlushed(): boolean {
    return this.hasLeft();
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#readiness.waits.until(ready, signal);
  }

  protected override recheck(): void {
    this.#readiness.waits.wake();
  }

  protected override listReceivers(): readonly ReceiverInfo[] {
    if (!this.#readerLives()) return [];
    const bytesBehind = this.#leaving ? this.#leaving.bytes.length - this.#leaving.offset : 0;
    return [{ id: 0, messagesBehind: this.#leaving ? 1 : 0, bytesBehind }];
  }

  protected override countReceivers(): number {
    if (this.#readerLives()) return 1;
    const cause = this.#failure;
    const what =
      cause === undefined
        ? 'nobody reads at the other end of the pipe any more'
        : 'the pipe was given up after a failure';
    throw new PageferryError('PEER_DIED', `${what}, and no other can come`, { cause });
  }

  protected override bytesOut(): number {
    return this.#pool.bytesOut;
  }

  protected override sendMethod(): SendMethod {
    return sendMethodOf(this.#outlet);
  }

  protected override keepAlive(on: boolean): void {
    this.#readiness.keepAlive(on);
  }

  protected override async finish(): Promise<void> {
    this.#end();
  }

  protected override async abandon(): Promise<void> {
    this.#end();
  }

  #end(): void {
    this.#readiness.waits.fail(new PageferryError('CLOSED', 'this sender is closed'));
    this.#readiness.close();
    this.#pool.close();
  }

  /** As {@link #put}; -1, and the pipe is broken, if nothing will go in any more. */
  #putOrBreak(bytes: Uint8Array, offset: number): number {
    let taken = -1;
    try {
      taken = this.#put(bytes, offset);
      this.#broken ||= taken < 0;
    } catch (error) {
      this.#break(error);
    }
    return taken;
  }

  /** What fails once a message was accepted is the end of the pipe: the message stays accepted. */
  #break(error: unknown): void {
    if (this.#broken || this.closed) return;
    this.#broken = true;
    this.#failure = error;
    this.connectionFailed(error);
    this.#readiness.waits.resumeSoon();
  }

  #put(bytes: Uint8Array, offset: number): number {
    const rest = bytes.length - offset;
    if (this.#outlet.method === 'vmsplice') {
      return this.#outlet.put(this.#readiness.fd, bytes, offset, rest);
    }
    // The pipe may be in blocking mode, and that is not this program's to change.
    const revents = pollNow(this.#calls, this.#readiness.fd, POLLOUT);
    if ((revents & POLLERR) !== 0) return -1;
    if ((revents & POLLOUT) === 0) return 0;
    return this.#outlet.put(this.#readiness.fd, bytes, offset, Math.min(SURE_BYTES, rest));
  }

  #readerLives(): boolean {
    if (this.#broken) return false;
    // POLLERR on the write end: no reader is left (poll(2)).
    this.#broken = (pollNow(this.#calls, this.#readiness.fd, POLLOUT) & POLLERR) !== 0;
    return !this.#broken;
  }
}
