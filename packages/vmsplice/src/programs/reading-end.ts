import {
  BaseDelivery,
  checkDescriptor,
  checkInteger,
  checkOptions,
  checkWaitOptions,
  counted,
  type DeliveryOwner,
  DropReports,
  inBytes,
  PageferryError,
  type PipeChunk,
  type PipeReader,
  type PipeReaderStats,
  type PipeReadOptions,
  type PipeSpliceOptions,
  type PipeSpliceResult,
  type PipeTakeOptions,
  SerialQueue,
  type SpliceDestination,
  withDeadline,
  withEither,
} from '@pageferry/core';
import { type LinuxCalls, POLLIN } from '@pageferry/linux';
import type { Slot } from '../memory/page-pool.js';
import { checkPipeEnd, type PipeEndSettings } from './options.js';
import { PipeEnd, type SelfHeld } from './pipe-end.js';
import { PipeSource } from './pipe-source.js';

/** A chunk as `BaseDelivery` knows a message: the stream as a whole is the message that it is the next part of. */
interface ChunkMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the stream, up to the end of the chunk: so a chunk's `offset` is where it begins in the stream. */
  readonly byteLength: number;
  readonly offset: number;
  readonly sequence: 0;
  readonly tag: 0;
  readonly slot: Slot;
}

/** What a chunk holds at most, unless the caller wants more. */
const CHUNK_BYTES = 256 * 1024;
/** What is never in a pipe at once, and fits into the 32 bits of a system call. */
const LARGEST = 1024 * 1024 * 1024;

const NOTHING = {};
const TAKE_OPTIONS = ['maxBytes'] as const;
const READ_OPTIONS = ['maxBytes', 'signal', 'timeout'] as const;
const SPLICE_OPTIONS = ['maxBytes', 'signal', 'timeout', 'tee'] as const;

/** The one {@link PipeReader}. */
export class ReadingEnd extends PipeEnd implements PipeReader, DeliveryOwner<ChunkMemory> {
  readonly #source: PipeSource;
  /** The most that can be in the pipe. */
  readonly #capacity: number;
  readonly #maxBorrowedBytes: number;
  readonly #drops = new DropReports('delivery', () => this.closed);
  readonly #reading = new SerialQueue();
  /** Ends whatever waits for a destination. */
  readonly #ending = new AbortController();
  #moving: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;
  /** How much memory the read that waits needs. */
  #wanted = 0;
  #ended = false;
  #chunksHeld = 0;
  #bytesHeld = 0;

  /** @throws `SYSTEM_CALL_FAILED`. */
  constructor(calls: LinuxCalls, settings: PipeEndSettings) {
    super(calls, 'pageferry:PipeReader', settings);
    this.#maxBorrowedBytes = settings.poolBytes;
    const capacity = calls.getPipeSize(this.readiness.fd);
    this.#capacity = capacity > 0 ? capacity : CHUNK_BYTES;
    const { spinMicroseconds } = settings;
    this.#source = new PipeSource(this.readiness, { calls, budget: this.budget, spinMicroseconds });
  }

  get closed(): boolean {
    return this.isOver;
  }

  get ended(): boolean {
    return this.#ended;
  }

  tryRead(options: PipeTakeOptions = NOTHING): PipeChunk | undefined {
    this.checkNotOver();
    const most = this.#mostFor(checkOptions(options, TAKE_OPTIONS));
    if (this.#reading.busy) return undefined;
    const found = this.#take(most);
    return found === 'end' ? undefined : found;
  }

  async read(options: PipeReadOptions = NOTHING): Promise<PipeChunk | undefined> {
    this.checkNotOver();
    const most = this.#mostFor(checkWaitOptions(options, READ_OPTIONS));
    const read = (signal: AbortSignal | undefined): Promise<PipeChunk | undefined> =>
      this.#reading.run(async () => {
        await this.takeTurns();
        this.checkNotOver();
        return await this.#next(most, signal);
      }, signal);
    return await withDeadline(options, read, () => this.#whyNothing());
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PipeChunk, undefined, undefined> {
    for (;;) {
      const chunk = await this.read();
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  async spliceTo(
    destination: SpliceDestination,
    options: PipeSpliceOptions = NOTHING,
  ): Promise<PipeSpliceResult | undefined> {
    this.checkNotOver();
    const fd = checkDescriptor('destination', destination);
    const { tee, maxBytes } = checkWaitOptions(options, SPLICE_OPTIONS);
    const most = maxBytes === undefined ? LARGEST : checkMaxBytes(maxBytes);
    const teeFd = tee === undefined ? undefined : checkPipeEnd(this.calls, 'tee', tee, 'writeEnd');
    const moveInTurn = (given: AbortSignal | undefined): Promise<PipeSpliceResult | undefined> =>
      this.#reading.run(async () => {
        await this.takeTurns();
        this.checkNotOver();
        if (this.#ended) return undefined;
        const moving = withEither(given, this.#ending.signal, (signal) =>
          this.#source.move({ fd, destination, teeFd, maxBytes: most, signal }),
        );
        this.#moving = moving;
        const result = await moving;
        if (result === undefined) this.#sawEnd();
        return result;
      }, given);
    return await withDeadline(options, moveInTurn, () =>
      this.#source.hasRest
        ? `descriptor ${fd} did not take what the program has written`
        : 'nothing moved from the program to its destination',
    );
  }

  close(): Promise<void> {
    return this.end(new PageferryError('CLOSED', 'this reader is closed'));
  }

  /** As {@link close}: what waits, and every later call, throws `error`. */
  end(error: PageferryError): Promise<void> {
    this.#closing ??= this.#hangUp(error);
    return this.#closing;
  }

  stats(): PipeReaderStats {
    return {
      bytesRead: this.#source.bytesTaken,
      chunksHeld: this.closed ? 0 : this.#chunksHeld,
      bytesHeld: this.closed ? 0 : this.#bytesHeld,
    };
  }

  /** For `BaseDelivery` only. */
  releaseDelivery(chunk: BaseDelivery<ChunkMemory>): void {
    this.#chunksHeld--;
    this.#bytesHeld -= chunk.byteLength;
    if (this.closed) return;
    this.pool.giveBack(chunk.message.slot);
    if (this.readiness.waits.parked > 0) this.readiness.waits.wake();
  }

  protected override awaitedEvents(): number {
    // Who waits for memory is woken when some is given back.
    return this.#hasMemory() ? POLLIN : 0;
  }

  async #next(most: number, signal: AbortSignal | undefined): Promise<PipeChunk | undefined> {
    let found: PipeChunk | 'end' | undefined;
    const take = (): boolean => {
      found = this.#take(most);
      return found !== undefined;
    };
    this.#wanted = most;
    try {
      // Who holds nothing cannot wait for itself.
      if (this.#chunksHeld === 0) await this.readiness.waits.until(take, signal);
      else if (!take()) await this.untilMemory(take, signal, () => this.#selfHeld());
    } finally {
      this.#wanted = 0;
    }
    return found === 'end' ? undefined : (found as unknown as PipeChunk);
  }

  /** Up to `most` bytes, if there are any now and there is memory for them. */
  #take(most: number): PipeChunk | 'end' | undefined {
    if (this.#ended) return 'end';
    const slot = this.pool.take(most);
    if (slot === undefined) return undefined;
    const offset = this.#source.bytesTaken;
    let count = 0;
    let shown: Uint8Array<ArrayBuffer>;
    try {
      shown = slot.bytes; // It may fail, and then nothing has been read yet.
      count = this.#source.read(slot, most);
    } finally {
      if (count <= 0) this.pool.giveBack(slot);
    }
    if (count < 0) return undefined;
    if (count === 0) {
      this.#sawEnd();
      return 'end';
    }
    this.readiness.waits.moved();
    this.#chunksHeld++;
    this.#bytesHeld += count;
    const bytes = shown.subarray(0, count);
    const memory: ChunkMemory = {
      bytes,
      byteLength: offset + count,
      offset,
      sequence: 0,
      tag: 0,
      slot,
    };
    return new BaseDelivery<ChunkMemory>(this, memory, count, this.#drops.add(count));
  }

  #sawEnd(): void {
    this.#ended = true;
    this.doneWaiting();
  }

  async #hangUp(error: PageferryError): Promise<void> {
    this.markOver(error);
    this.#ending.abort(error);
    // The thread pool may still use the memory, and the pipe.
    await this.#moving?.catch(() => undefined);
    this.readiness.close();
    this.#source.close();
    this.pool.close();
  }

  #mostFor({ maxBytes }: PipeTakeOptions): number {
    if (maxBytes === undefined) return CHUNK_BYTES;
    return Math.min(checkMaxBytes(maxBytes), this.#capacity);
  }

  #hasMemory(): boolean {
    return this.#wanted === 0 || this.pool.hasRoomFor(this.#wanted);
  }

  #whyNothing(): string {
    const held = `this reader holds ${this.#heldInWords()}`;
    return this.#hasMemory() ? `the program has written nothing; ${held}` : `${held}: all it may`;
  }

  #heldInWords(): string {
    return `${counted(this.#chunksHeld, 'chunk')} (${inBytes(this.#bytesHeld)}) unreleased`;
  }

  #selfHeld(): SelfHeld | undefined {
    if (this.#chunksHeld === 0 || this.#hasMemory()) return undefined;
    const words =
      `a read waits for this program itself: the reader of a pipe holds all it may, ` +
      `${this.#heldInWords()}. release() them, or hold them with \`using\`; maxBorrowedBytes ` +
      `(${inBytes(this.#maxBorrowedBytes)}) is the limit.`;
    return { words, code: 'PAGEFERRY_DELIVERIES_HELD' };
  }
}

/** @throws `INVALID_ARGUMENT`. */
function checkMaxBytes(value: number): number {
  return Math.min(checkInteger('maxBytes', value, 1), LARGEST);
}
