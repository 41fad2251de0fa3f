import type { AdaptiveWaits } from '@pageferry/connection';
import {
  dispose,
  type LoopBudget,
  nextTurn,
  PageferryError,
  type SpliceMethod,
} from '@pageferry/core';
import {
  EAGAIN,
  EINVAL,
  type LinuxCalls,
  POLLOUT,
  SEEK_CUR,
  systemCallError,
  waitUntilReady,
  writeToFileOnThread,
} from '@pageferry/linux';
import { PagePool } from '../memory/page-pool.js';
import type { Route } from './destination.js';
import type { InboundMessage } from './inbound.js';
import type { Inlet } from './inlet.js';

/** Piece that goes through user memory at a time. */
const BUFFER_BYTES = 1024 * 1024;

/** What a pipe or a terminal that says it is ready takes without blocking (`PIPE_BUF`, pipe(7)). */
const SURE_BYTES = 4096;

/** What a {@link Mover} needs. It owns none of it. */
export interface MoverSettings {
  readonly calls: LinuxCalls;
  readonly inlet: Inlet;
  readonly waits: AdaptiveWaits;
  readonly budget: LoopBudget;
  readonly spinMicroseconds: number;
}

/** How a message can go on out of a pipe. */
export type PipeMethod = Extract<SpliceMethod, 'splice' | 'read-write'>;

/** One call's way to its destination. */
export interface Move {
  readonly fd: number;
  readonly teeFd: number | undefined;
  readonly route: Route;
  readonly signal: AbortSignal | undefined;
}

/** Moves a message on to a descriptor, by whatever route is fastest for it. */
export class Mover implements Disposable {
  readonly #settings: MoverSettings;
  readonly #buffers: PagePool;

  constructor(settings: MoverSettings) {
    this.#settings = settings;
    // One buffer at a time, whatever its size.
    this.#buffers = new PagePool(settings.calls, 1);
  }

  /**
   * Moves what is left of `message`. After a failure, the rest can be moved by another call.
   *
   * @returns the method that the message took.
   * @throws `signal.reason`, `PEER_DIED`, `PEER_MISBEHAVED`, `SYSTEM_CALL_FAILED`.
   */
  async move(message: InboundMessage, move: Move): Promise<PipeMethod> {
    await this.#writeCarry(message, move);
    if (message.taken === message.byteLength) return methodOf(move.route);
    switch (move.route.kind) {
      case 'splice':
        await this.#splice(message, move);
        return 'splice';
      case 'splice-on-thread':
        return this.#spliceOnThread(message, move);
      case 'read-write':
        await this.#readAndWrite(message, move);
        return 'read-write';
    }
  }

  /** Frees the buffers; only once every `move` has settled. */
  close(): void {
    this.#buffers.close();
  }

  [dispose](): void {
    this.close();
  }

  async #splice(message: InboundMessage, move: Move): Promise<void> {
    const { inlet, waits } = this.#settings;
    while (message.taken < message.byteLength) {
      const length = await this.#nextPiece(message, move);
      const moved = inlet.splice(message, move.fd, length);
      if (move.route.keepsReferences) message.referenced = true;
      if (moved === 0) await this.#waitForRoom(move.fd, move.signal);
      else waits.moved();
    }
  }

  async #spliceOnThread(message: InboundMessage, move: Move): Promise<PipeMethod> {
    const { inlet, calls } = this.#settings;
    const { alignment } = move.route;
    const position = alignment > 1 ? calls.lseek(move.fd, 0, SEEK_CUR) : 0;
    let whole = position % alignment === 0 ? message.byteLength - message.taken : 0;
    whole -= whole % alignment;
    const end = message.taken + whole;
    while (message.taken < end) {
      const rest = end - message.taken;
      const piece = Math.min(await this.#nextPiece(message, move, Math.min(alignment, rest)), rest);
      const length = piece - (piece % alignment);
      if (length === 0) break; // Less than a block: the ordinary way takes it.
      try {
        if (alignment === 1) await this.#waitForRoom(move.fd, move.signal);
        await inlet.spliceOnThread(message, move.fd, length);
        if (move.route.keepsReferences) message.referenced = true;
      } catch (error) {
        // The file system, or pages that are not aligned: the ordinary way works.
        if (!(error instanceof PageferryError) || error.errno !== EINVAL) throw error;
        break;
      }
    }
    const spliced = message.taken;
    if (message.taken < message.byteLength) await this.#readAndWrite(message, move);
    return spliced * 2 >= message.byteLength ? 'splice' : 'read-write';
  }

  async #readAndWrite(message: InboundMessage, move: Move): Promise<void> {
    const { inlet } = this.#settings;
    while (message.taken < message.byteLength) {
      await this.#nextPiece(message, move);
      const length = Math.min(BUFFER_BYTES, message.byteLength - message.taken);
      const slot = this.#buffers.take(length);
      if (slot === undefined) throw new Error('the buffer is in use');
      const carry = { slot, pool: this.#buffers, start: 0, end: 0 };
      message.carry = carry;
      for (;;) {
        const ready = this.#teed(message, move, inlet.available(message));
        const piece = Math.min(ready, length - carry.end);
        if (piece === 0) break;
        carry.end += inlet.read(message, slot, carry.end, piece);
      }
      await this.#writeCarry(message, move);
    }
  }

  /** Writes what was taken out of the pipe by this call, or by one that failed. */
  async #writeCarry(message: InboundMessage, move: Move): Promise<void> {
    const { calls } = this.#settings;
    const { carry } = message;
    if (carry === undefined) return;
    // A file takes what it is given; anything else might block a thread for as long as it likes.
    const { kind, alignment } = move.route;
    const most = kind === 'read-write' || alignment > 1 ? BUFFER_BYTES : SURE_BYTES;
    while (carry.start < carry.end) {
      await this.#waitForRoom(move.fd, move.signal);
      const length = Math.min(most, carry.end - carry.start);
      // What direct I/O refuses, or cannot be spliced to, goes through the page cache.
      const { inner } = carry.slot;
      const count = await writeToFileOnThread(calls, move.fd, inner, carry.start, length);
      if (count === -EAGAIN) continue;
      if (count < 0) throw systemCallError('write', count);
      carry.start += count;
      message.moved += count;
    }
    carry.pool.giveBack(carry.slot);
    message.carry = undefined;
  }

  /** Waits until `least` bytes of the message are in the pipe; returns how much may be taken now. */
  async #nextPiece(message: InboundMessage, move: Move, least = 1): Promise<number> {
    const { inlet, waits, budget } = this.#settings;
    for (;;) {
      if (budget.exhausted()) await nextTurn();
      if (move.signal?.aborted) throw move.signal.reason;
      let available = 0;
      const ready = (): boolean => {
        available = inlet.available(message, least);
        return available > 0;
      };
      if (!ready()) await waits.until(ready, move.signal);
      const length = this.#teed(message, move, available);
      if (length > 0) return length;
      await this.#waitForRoom(move.teeFd as number, move.signal);
    }
  }

  /** Duplicates what is about to be taken, if the caller wants it. Returns how much may be taken. */
  #teed(message: InboundMessage, move: Move, available: number): number {
    if (move.teeFd === undefined) return available;
    // tee always begins at the front of the pipe: what it has duplicated must be taken first.
    if (message.teed <= message.taken) {
      if (available === 0) return 0;
      message.teed = message.taken + this.#settings.inlet.tee(message, move.teeFd, available);
    }
    return Math.min(available, message.teed - message.taken);
  }

  async #waitForRoom(fd: number, signal: AbortSignal | undefined): Promise<void> {
    const { calls, spinMicroseconds, budget } = this.#settings;
    if (budget.exhausted()) await nextTurn();
    await waitUntilReady(calls, fd, POLLOUT, spinMicroseconds, signal);
  }
}

function methodOf(route: Route): PipeMethod {
  return route.kind === 'read-write' ? 'read-write' : 'splice';
}
