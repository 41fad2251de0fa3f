import type { AdaptiveWaits } from '@pageferry/connection';
import { dispose, nextTurn, PageferryError, type SpliceMethod } from '@pageferry/core';
import {
  DestinationWriter,
  destinationOf,
  EINVAL,
  POLLOUT,
  S_IFIFO,
  SEEK_CUR,
  systemCallError,
  type WriterSettings,
  waitUntilReady,
} from '@pageferry/linux';
import { PagePool } from '../memory/page-pool.js';
import { Detour } from './detour.js';
import type { InboundMessage, WriteBytes } from './inbound-message.js';
import type { Route } from './route.js';

/** Piece that goes through user memory at a time. */
const BUFFER_BYTES = 1024 * 1024;

/** What a {@link Mover} needs. It owns none of it. */
export interface MoverSettings extends WriterSettings {
  readonly waits: AdaptiveWaits;
}

/** How a message can go on out of a pipe. */
export type PipeMethod = Extract<SpliceMethod, 'splice' | 'read-write'>;

/** One call's way to its destination. */
export interface Move {
  readonly fd: number;
  readonly teeFd: number | undefined;
  readonly route: Route;
  readonly signal: AbortSignal;
}

/** Moves messages on to descriptors, by whatever route is fastest. */
export class Mover implements Disposable {
  readonly #settings: MoverSettings;
  readonly #buffers: PagePool;
  #detour: Detour | undefined;

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
    // What a receive has taken in goes on out of memory, whatever way the rest goes.
    const isCopied = message.carried * 2 > message.byteLength;
    await this.#writeCarried(message, move);
    const method = await this.#moveUntaken(message, move);
    return isCopied ? 'read-write' : method;
  }

  /** Frees the buffers, and closes what it has opened; only once every `move` has settled. */
  close(): void {
    this.#buffers.close();
    this.#detour?.close();
  }

  [dispose](): void {
    this.close();
  }

  async #moveUntaken(message: InboundMessage, move: Move): Promise<PipeMethod> {
    if (message.untaken === 0) return methodOf(move.route);
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

  async #splice(message: InboundMessage, move: Move): Promise<void> {
    const { waits } = this.#settings;
    while (message.untaken > 0) {
      const length = await this.#nextPiece(message, move);
      const moved = message.splice(move.fd, length);
      if (move.route.keepsReferences) message.isReferenced = true;
      if (moved === 0) await this.#waitForRoom(move.fd, move.signal);
      else waits.moved();
    }
  }

  async #spliceOnThread(message: InboundMessage, move: Move): Promise<PipeMethod> {
    const { calls } = this.#settings;
    const { route } = move;
    const { alignment } = route;
    const position = alignment > 1 ? calls.lseek(move.fd, 0, SEEK_CUR) : 0;
    let whole = position % alignment === 0 ? message.untaken : 0;
    whole -= whole % alignment;
    const end = message.taken + whole;
    while (message.taken < end) {
      const rest = end - message.taken;
      const piece = Math.min(await this.#nextPiece(message, move, Math.min(alignment, rest)), rest);
      const length = piece - (piece % alignment);
      if (length === 0) break; // Less than a block: the ordinary way takes it.
      try {
        if (route.waitsForPeers) await this.#waitForRoom(move.fd, move.signal);
        const detour = route.waitsForPeers ? this.#openDetour() : undefined;
        await message.spliceOnThread(move.fd, length, detour);
        if (route.keepsReferences) message.isReferenced = true;
      } catch (error) {
        // The file system, or pages that are not aligned: the ordinary way works.
        if (!(error instanceof PageferryError) || error.errno !== EINVAL) throw error;
        break;
      }
    }
    const spliced = message.taken;
    if (message.untaken > 0) await this.#readAndWrite(message, move);
    return spliced * 2 >= message.byteLength ? 'splice' : 'read-write';
  }

  #openDetour(): Detour {
    if (!this.#detour?.open) this.#detour = Detour.open(this.#settings.calls);
    return this.#detour;
  }

  async #readAndWrite(message: InboundMessage, move: Move): Promise<void> {
    while (message.untaken > 0) {
      await this.#nextPiece(message, move);
      message.reserveBuffer(this.#buffers, BUFFER_BYTES);
      for (;;) {
        const ready = teed(message, move, message.available());
        if (ready === 0 || !message.read(ready)) break;
      }
      await this.#writeCarried(message, move);
    }
  }

  /** Writes what was taken out of the pipe by this call, by one that failed, or for the sake of an answer. */
  async #writeCarried(message: InboundMessage, { fd, teeFd, signal }: Move): Promise<void> {
    if (teeFd !== undefined) await message.teeCarried(this.#writerTo(teeFd, signal, 'pipe'));
    await message.writeCarried(this.#writerTo(fd, signal));
  }

  #writerTo(fd: number, signal: AbortSignal, kind?: 'pipe'): WriteBytes {
    let writer: DestinationWriter | undefined;
    return (bytes, offset, length) => {
      if (writer === undefined) {
        // Not remembered with the route: whoever shares the descriptor can have it block by now.
        const destination = destinationOf(this.#settings.calls, fd);
        // As the call that duplicates what is still in the pipe.
        if (kind === 'pipe' && destination.type !== S_IFIFO) throw systemCallError('tee', -EINVAL);
        writer = new DestinationWriter(this.#settings, destination);
      }
      return writer.write(bytes, offset, length, signal);
    };
  }

  /** Waits until `least` bytes of the message are in the pipe; returns how much may be taken now. */
  async #nextPiece(message: InboundMessage, move: Move, least = 1): Promise<number> {
    const { waits, budget } = this.#settings;
    for (;;) {
      if (budget.exhausted()) await nextTurn();
      if (move.signal.aborted) throw move.signal.reason;
      let available = 0;
      const ready = (): boolean => {
        available = message.available(least);
        return available > 0;
      };
      if (!ready()) await waits.until(ready, move.signal);
      const length = teed(message, move, available);
      if (length > 0) return length;
      await this.#waitForRoom(move.teeFd as number, move.signal);
    }
  }

  async #waitForRoom(fd: number, signal: AbortSignal): Promise<void> {
    const { calls, spinMicroseconds, budget } = this.#settings;
    if (budget.exhausted()) await nextTurn();
    await waitUntilReady(calls, fd, POLLOUT, spinMicroseconds, signal);
  }
}

/** Duplicates what is about to be taken, if the caller wants it. Returns how much may be taken. */
function teed(message: InboundMessage, { teeFd }: Move, available: number): number {
  return teeFd === undefined ? available : message.tee(teeFd, available);
}

function methodOf(route: Route): PipeMethod {
  return route.kind === 'read-write' ? 'read-write' : 'splice';
}
