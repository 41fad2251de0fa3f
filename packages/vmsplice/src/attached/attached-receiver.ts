import {
  BaseReceiver,
  type DeliveryMemory,
  nextTurn,
  PageferryError,
  type SpliceResult,
  withBytesTransferred,
  withEither,
} from '@pageferry/core';
import {
  EAGAIN,
  type LinuxCalls,
  POLLIN,
  POLLOUT,
  pollNow,
  SPLICE_F_NONBLOCK,
  systemCallError,
  waitUntilReady,
  writeToFileOnThread,
} from '@pageferry/linux';
import { attachedCapabilities } from '../capabilities.js';
import { PagePool, type Slot } from '../memory/page-pool.js';
import { RouteMemory } from '../receiving/destination.js';
import type { AttachSettings } from './options.js';
import { ReadinessWaits } from './readiness-waits.js';

interface SlotDelivery extends DeliveryMemory {
  readonly slot: Slot;
}

/** Bytes that were read, and of which the part from `start` to `end` was not handed on. */
interface Chunk {
  readonly slot: Slot;
  start: number;
  readonly end: number;
  /** Bytes that have moved on already. */
  moved: number;
}

/** The most that one delivery holds. */
const CHUNK_BYTES = 256 * 1024;

/**
 * A receiver whose sender is a foreign program: raw bytes, no frames. Each delivery is what the pipe
 * holds at the moment, at most 256 KiB of it; the end of the pipe is the end.
 */
export class AttachedReceiver extends BaseReceiver<SlotDelivery> {
  readonly #calls: LinuxCalls;
  readonly #spinMicroseconds: number;
  readonly #pool: PagePool;
  readonly #readiness: ReadinessWaits;
  /** Ends whatever waits for a destination. */
  readonly #closing = new AbortController();
  #sequence = 0;
  readonly #routes: RouteMemory;
  /** What was read and not handed on yet: for a destination that then failed, for example. */
  #rest: Chunk | undefined;

  constructor(calls: LinuxCalls, settings: AttachSettings) {
    super({
      capabilities: attachedCapabilities,
      spinMicroseconds: settings.spinMicroseconds,
      sender: 'the program at the other end of the pipe',
    });
    this.#calls = calls;
    this.#spinMicroseconds = settings.spinMicroseconds;
    this.#routes = new RouteMemory(calls);
    this.#pool = new PagePool(calls, settings.poolBytes);
    this.#readiness = new ReadinessWaits({
      ...settings,
      calls,
      // Who waits for memory is woken when some is given back.
      events: () => (this.waitsFor() === 'release' ? 0 : POLLIN),
      budget: this.budget,
    });
  }

  protected override poll(): SlotDelivery | 'end' | undefined {
    const chunk = this.#next();
    if (typeof chunk !== 'object') return chunk;
    const { slot, start, end, moved } = chunk;
    const bytes = slot.bytes.subarray(start, end);
    this.#rest = undefined;
    return { bytes, sequence: this.#sequence++, offset: moved, slot };
  }

  protected override waitUntil(ready: () => boolean, signal?: AbortSignal): Promise<void> {
    return this.#readiness.waits.until(ready, signal);
  }

  protected override giveBack(memory: SlotDelivery): void {
    this.#pool.giveBack(memory.slot);
    if (this.#readiness.waits.parked > 0) this.#readiness.waits.wake();
  }

  protected override async moveTo(
    fd: number,
    _teeFd: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SpliceResult | undefined> {
    const { kind, alignment } = this.#routes.routeTo(fd, undefined);
    // Chunks of any length do not suit direct I/O, and a rest is in user memory already.
    const copies = kind === 'read-write' || alignment > 1 || this.#rest !== undefined;
    const before = this.#rest?.moved ?? 0;
    try {
      return await withEither(signal, this.#closing.signal, (either) =>
        copies ? this.#copyTo(fd, either) : this.#spliceTo(fd, kind === 'splice-on-thread', either),
      );
    } catch (error) {
      throw withBytesTransferred(error, (this.#rest?.moved ?? before) - before);
    }
  }

  protected override waitsFor(): 'message' | 'rest' | 'release' {
    if (this.#rest !== undefined) return 'rest';
    return this.#pool.hasRoomFor(CHUNK_BYTES) ? 'message' : 'release';
  }

  protected override keepAlive(on: boolean): void {
    this.#readiness.keepAlive(on);
  }

  protected override async hangUp(): Promise<void> {
    const closed = new PageferryError('CLOSED', 'this receiver is closed');
    this.#closing.abort(closed);
    this.#readiness.waits.fail(closed);
    // The thread pool may still use the memory, and the caller's pipe.
    await this.moveIsOver();
    this.#readiness.close();
    this.#pool.close();
  }

  /** What is to be handed on next. It is kept until that has succeeded. */
  #next(): Chunk | 'end' | undefined {
    if (this.#rest !== undefined) return this.#rest;
    const slot = this.#pool.take(CHUNK_BYTES);
    if (slot === undefined) return undefined;
    let count = 0;
    try {
      count = this.#read(slot);
    } finally {
      if (count <= 0) this.#pool.giveBack(slot);
    }
    if (count <= 0) return count === 0 ? 'end' : undefined;
    this.#rest = { slot, start: 0, end: count, moved: 0 };
    return this.#rest;
  }

  /** @returns bytes read, 0 at the end, -1 if there is nothing now. */
  #read(slot: Slot): number {
    // The pipe may be in blocking mode, and that is not this program's to change.
    const revents = pollNow(this.#calls, this.#readiness.fd, POLLIN);
    if (revents === 0) return -1;
    const count = this.#calls.read(this.#readiness.fd, slot.inner, 0, CHUNK_BYTES);
    if (count === -EAGAIN) return -1;
    if (count < 0) throw systemCallError('read', count);
    return count;
  }

  async #spliceTo(
    fd: number,
    onThread: boolean,
    signal: AbortSignal | undefined,
  ): Promise<SpliceResult | undefined> {
    for (;;) {
      await waitUntilReady(this.#calls, this.#readiness.fd, POLLIN, this.#spinMicroseconds, signal);
      await waitUntilReady(this.#calls, fd, POLLOUT, this.#spinMicroseconds, signal);
      const byteLength = onThread
        ? await this.#calls.spliceOnThread(this.#readiness.fd, fd, CHUNK_BYTES, SPLICE_F_NONBLOCK)
        : this.#calls.splice(this.#readiness.fd, fd, CHUNK_BYTES, SPLICE_F_NONBLOCK);
      if (byteLength === 0) return undefined;
      if (byteLength > 0) {
        return { byteLength, sequence: this.#sequence++, method: 'splice', userSpaceCopies: 0 };
      }
      if (byteLength !== -EAGAIN) throw systemCallError('splice', byteLength);
      // Ready, yet not for this: let other events have their turn before the next attempt.
      await nextTurn();
    }
  }

  async #copyTo(fd: number, signal: AbortSignal | undefined): Promise<SpliceResult | undefined> {
    let next: Chunk | 'end' | undefined;
    await this.waitUntil(() => {
      next = this.#next();
      return next !== undefined;
    }, signal);
    const chunk = next as unknown as Chunk | 'end';
    if (chunk === 'end') return undefined;
    const byteLength = chunk.end - chunk.start;
    while (chunk.start < chunk.end) {
      const count = await this.#write(fd, chunk, signal);
      chunk.start += count;
      chunk.moved += count;
    }
    this.#rest = undefined;
    this.#pool.giveBack(chunk.slot);
    const sequence = this.#sequence++;
    return { byteLength, sequence, method: 'read-write', userSpaceCopies: 2 };
  }

  async #write(fd: number, { slot, start, end }: Chunk, signal?: AbortSignal): Promise<number> {
    await waitUntilReady(this.#calls, fd, POLLOUT, this.#spinMicroseconds, signal);
    const count = await writeToFileOnThread(this.#calls, fd, slot.inner, start, end - start);
    if (count === -EAGAIN) return 0;
    if (count < 0) throw systemCallError('write', count);
    return count;
  }
}
