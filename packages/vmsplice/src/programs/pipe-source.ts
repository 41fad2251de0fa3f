import { nextTurn, type PipeSpliceResult, withBytesTransferred } from '@pageferry/core';
import {
  DestinationWriter,
  destinationOf,
  EAGAIN,
  type LinuxCalls,
  POLLIN,
  POLLOUT,
  pollNow,
  SPLICE_F_NONBLOCK,
  systemCallError,
  type WriterSettings,
  waitUntilReady,
} from '@pageferry/linux';
import { PagePool, type Slot } from '../memory/page-pool.js';
import { Detour } from '../receiving/detour.js';
import { type Route, RouteMemory } from '../receiving/route.js';
import type { ReadinessWaits } from './readiness-waits.js';

/** What goes through user memory at a time. */
const BUFFER_BYTES = 256 * 1024;

/** What was read for a destination that has not taken it. Positions are those in `slot`. */
interface Rest {
  readonly slot: Slot;
  /** Up to here it has moved on. */
  start: number;
  /** Up to here the second pipe has it. */
  teed: number;
  readonly end: number;
}

/** One call's way to its destination. */
export interface PipeMove {
  readonly fd: number;
  /** What the caller passed for it. */
  readonly destination: unknown;
  readonly teeFd: number | undefined;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** The bytes of a pipe, one call after the other: those that were read already, then those in the pipe. */
export class PipeSource {
  readonly #calls: LinuxCalls;
  readonly #readiness: ReadinessWaits;
  readonly #writing: WriterSettings;
  readonly #routes: RouteMemory;
  /** One buffer at a time, whatever its size. */
  readonly #buffers: PagePool;
  #rest: Rest | undefined;
  /** For blocking sockets. */
  #detour: Detour | undefined;
  /** How many bytes at the front of the pipe are in the second pipe already, and in which. */
  #teed = 0;
  #teedTo: number | undefined;
  #bytesTaken = 0;

  constructor(readiness: ReadinessWaits, writing: WriterSettings) {
    const { calls } = writing;
    this.#calls = calls;
    this.#readiness = readiness;
    this.#writing = writing;
    this.#routes = new RouteMemory(calls);
    this.#buffers = new PagePool(calls, 1);
  }

  /** How many bytes were read or moved on. */
  get bytesTaken(): number {
    return this.#bytesTaken;
  }

  /** True while bytes are kept that a destination has not taken. */
  get hasRest(): boolean {
    return this.#rest !== undefined;
  }

  /** True if there is something to take, or the end. @throws `SYSTEM_CALL_FAILED`. */
  isReady(): boolean {
    return this.hasRest || pollNow(this.#calls, this.#readiness.fd, POLLIN) !== 0;
  }

  /**
   * Reads up to `length` bytes into `slot`.
   *
   * @returns how many; 0 at the end; -1 if there are none now.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  read(slot: Slot, length: number): number {
    const rest = this.#rest;
    if (rest === undefined) return this.#readPipe(slot, length);
    const count = Math.min(length, rest.end - rest.start);
    slot.inner.set(rest.slot.inner.subarray(rest.start, rest.start + count));
    this.#movedOn(rest, count);
    return count;
  }

  /**
   * Waits for bytes, and moves on what is there. What has not moved when this fails is kept.
   *
   * @returns `undefined` at the end.
   * @throws `signal.reason`; `SYSTEM_CALL_FAILED`, with `bytesTransferred`.
   */
  async move(move: PipeMove): Promise<PipeSpliceResult | undefined> {
    const before = this.#bytesTaken;
    try {
      const route = this.#routes.routeTo(move.fd, move.destination);
      // What is in user memory can only be written, and chunks of any length do not suit direct I/O.
      const copies = this.hasRest || route.kind === 'read-write' || route.alignment > 1;
      return copies ? await this.#copy(move) : await this.#splice(move, route);
    } catch (error) {
      throw withBytesTransferred(error, this.#bytesTaken - before);
    }
  }

  /** Frees the buffers, and closes what it has opened; only once no `move` is under way. */
  close(): void {
    this.#buffers.close();
    this.#detour?.close();
  }

  #openDetour(): Detour {
    if (!this.#detour?.open) this.#detour = Detour.open(this.#calls);
    return this.#detour;
  }

  async #splice(move: PipeMove, { kind }: Route): Promise<PipeSpliceResult | undefined> {
    const { fd, teeFd, signal } = move;
    const from = this.#readiness.fd;
    for (;;) {
      await this.#readiness.waits.until(() => this.isReady(), signal);
      await this.#roomIn(fd, signal);
      const length = teeFd === undefined ? move.maxBytes : await this.#tee(move, teeFd);
      const count =
        kind === 'splice-on-thread'
          ? await this.#openDetour().spliceOnThread(from, fd, length)
          : this.#calls.splice(from, fd, length, SPLICE_F_NONBLOCK);
      if (count === 0) return undefined;
      if (count > 0) {
        this.#left(count);
        this.#bytesTaken += count;
        return { byteLength: count, method: 'splice', userSpaceCopies: 0 };
      }
      if (count !== -EAGAIN) throw systemCallError('splice', count);
      // Ready, yet not for this: let other events have their turn before the next attempt.
      await nextTurn();
    }
  }

  /** @returns how much may be spliced: what the second pipe has; anything at the end of the stream. */
  async #tee({ maxBytes, signal }: PipeMove, teeFd: number): Promise<number> {
    if (this.#teedTo !== teeFd) this.#teed = 0;
    this.#teedTo = teeFd;
    while (this.#teed === 0) {
      await this.#roomIn(teeFd, signal);
      const count = this.#calls.tee(this.#readiness.fd, teeFd, maxBytes, SPLICE_F_NONBLOCK);
      if (count === 0) return maxBytes;
      if (count > 0) this.#teed = count;
      else if (count !== -EAGAIN) throw systemCallError('tee', count);
      else await nextTurn();
    }
    return Math.min(maxBytes, this.#teed);
  }

  async #copy(move: PipeMove): Promise<PipeSpliceResult | undefined> {
    const { fd, teeFd, signal } = move;
    const rest = this.#rest ?? (await this.#fill(move));
    if (rest === undefined) return undefined;
    const byteLength = Math.min(move.maxBytes, rest.end - rest.start);
    const end = rest.start + byteLength;
    if (teeFd !== undefined) await this.#teeRest(rest, end, teeFd, signal);
    const writer = this.#writerTo(fd);
    const { inner } = rest.slot;
    for (let left = byteLength; left > 0; ) {
      const count = await writer.write(inner, rest.start, left, signal);
      left -= count;
      this.#movedOn(rest, count);
    }
    return { byteLength, method: 'read-write', userSpaceCopies: 2 };
  }

  async #teeRest(rest: Rest, end: number, teeFd: number, signal: AbortSignal): Promise<void> {
    if (this.#teedTo !== teeFd) rest.teed = rest.start;
    this.#teedTo = teeFd;
    rest.teed = Math.max(rest.teed, rest.start);
    const writer = this.#writerTo(teeFd);
    while (rest.teed < end) {
      rest.teed += await writer.write(rest.slot.inner, rest.teed, end - rest.teed, signal);
    }
  }

  /** Waits for bytes, and reads them. `undefined` at the end. */
  async #fill({ maxBytes, signal }: PipeMove): Promise<Rest | undefined> {
    const length = Math.min(maxBytes, BUFFER_BYTES);
    const slot = this.#buffers.take(length);
    if (slot === undefined) throw new Error('the buffer is in use');
    let end = -1;
    try {
      await this.#readiness.waits.until(() => {
        end = this.#readPipe(slot, length, true);
        return end >= 0;
      }, signal);
    } finally {
      if (end <= 0) this.#buffers.giveBack(slot);
    }
    if (end === 0) return undefined;
    this.#rest = { slot, start: 0, teed: Math.min(this.#teed, end), end };
    this.#left(end);
    return this.#rest;
  }

  /** @param keeps whether it is read for a destination, and counts when that has taken it. */
  #readPipe(slot: Slot, length: number, keeps = false): number {
    // The pipe may be in blocking mode, and that is not this program's to change.
    if (!this.isReady()) return -1;
    const count = this.#calls.read(this.#readiness.fd, slot.inner, 0, length);
    if (count === -EAGAIN) return -1;
    if (count < 0) throw systemCallError('read', count);
    if (keeps) return count;
    this.#left(count);
    this.#bytesTaken += count;
    return count;
  }

  #writerTo(fd: number): DestinationWriter {
    return new DestinationWriter(this.#writing, destinationOf(this.#calls, fd));
  }

  async #roomIn(fd: number, signal: AbortSignal): Promise<void> {
    const { calls, spinMicroseconds } = this.#writing;
    await waitUntilReady(calls, fd, POLLOUT, spinMicroseconds, signal);
  }

  /** Notes that `count` bytes are in the pipe no more. */
  #left(count: number): void {
    this.#teed = Math.max(0, this.#teed - count);
  }

  #movedOn(rest: Rest, count: number): void {
    rest.start += count;
    this.#bytesTaken += count;
    if (rest.start < rest.end) return;
    this.#buffers.giveBack(rest.slot);
    this.#rest = undefined;
  }
}
