import { ByteQuota, dispose, isPageferryError, memoryGone, PageferryError } from '@pageferry/core';
import {
  checkResult,
  EINVAL,
  F_SEAL_FUTURE_WRITE,
  type LinuxCalls,
  type OwnedFd,
  SIZE_SEALS,
} from '@pageferry/linux';
import { GrowingMemory } from './growing-memory.js';
import { guardedView, takeAway } from './guarded-view.js';
import { OwnMemory } from './own-memory.js';
import { PendingMemory } from './pending-memory.js';
import { alignUp, Ranges } from './ranges.js';
import { Slot } from './slot.js';
import { SlotBuffers } from './slot-buffers.js';
import { alignmentOf, gapBefore, slotSize, withRoomForGaps } from './slot-size.js';
import { Windows } from './window.js';

/** What a {@link PayloadPool} needs. */
export interface PayloadPoolSettings {
  readonly calls: LinuxCalls;
  /** How many bytes may be out at once. */
  readonly poolBytes: number;
  /** Whether receivers may map the memory writable. */
  readonly writable: boolean;
  /** Whether each loan gets an `ArrayBuffer` that can be taken away from it. */
  readonly guard: boolean;
}

/**
 * The payload memory of a sender: one memfd that every receiver maps, cut into slots of whatever size
 * is asked for.
 *
 * Free slots are used again for the same size, last-in first-out, so that one that is still in the
 * processor's cache goes first. When there is none, free slots of other sizes are melted together
 * and cut anew. What the pool has no room for at a stretch gets memory of its own.
 */
export class PayloadPool implements Disposable {
  readonly #settings: PayloadPoolSettings;
  readonly #memory: GrowingMemory;
  readonly #buffers: SlotBuffers;
  readonly #limit: number;
  /** See `gapBefore`. 0 where payload memory can be no longer, and nothing is left for gaps. */
  readonly #pageOfGaps: number;
  readonly #slots: (Slot | undefined)[] = [];
  readonly #freeTickets: number[] = [];
  readonly #free = new Map<number, Slot[]>();
  /** The length and size that were asked for last, and its free slots: mostly they are asked for again. */
  #lastLength = -1;
  #lastSize = -1;
  #lastFree: Slot[] = [];
  readonly #ranges = new Ranges();
  /** Where the part begins that was never cut into slots. */
  #top = 0;
  /** Bytes of the slots in `#free`. */
  #freeBytes = 0;
  readonly #quota: ByteQuota;
  /** Where messages with memory of their own are written. */
  readonly #windows: Windows;
  readonly #pending = new PendingMemory();
  #isClosed = false;

  /** @throws `SYSTEM_CALL_FAILED`. */
  constructor(settings: PayloadPoolSettings) {
    this.#settings = settings;
    const { calls, poolBytes, writable } = settings;
    this.#windows = new Windows(calls);
    const pageSize = calls.pageSize();
    this.#limit = alignUp(poolBytes, pageSize);
    this.#quota = new ByteQuota(this.#limit);
    const byteLength = withRoomForGaps(this.#limit, pageSize);
    this.#pageOfGaps = byteLength > this.#limit ? pageSize : 0;
    this.#memory = new GrowingMemory(calls, 'pageferry-payload', byteLength);
    this.#buffers = new SlotBuffers(this.#memory.mapping);
    // After this process's own mapping: from now on nobody else can map it writable.
    const seals = writable ? SIZE_SEALS : SIZE_SEALS | F_SEAL_FUTURE_WRITE;
    const sealed = calls.addSeals(this.#memory.fd.fd, seals);
    if (sealed < 0) {
      this.#memory.mapping.close();
      this.#memory.fd.close();
      if (sealed === -EINVAL && !writable) throw noSealOnWriting();
      checkResult(sealed, 'fcntl', 'F_ADD_SEALS');
    }
  }

  /** The descriptor that receivers map. Owned by the pool. */
  get fd(): OwnedFd {
    return this.#memory.fd;
  }

  /** Bytes of slots that are lent out or under way. */
  get bytesOut(): number {
    return this.#quota.bytes;
  }

  /** Bytes of memory that was allocated by now, also for messages with memory of their own. */
  get sharedBytes(): number {
    let sum = this.#memory.allocated;
    for (const slot of this.#slots) sum += slot?.own?.byteLength ?? 0;
    return sum;
  }

  /** The slot with this id, if there is one. */
  slot(slotId: number): Slot | undefined {
    return this.#slots[slotId];
  }

  /** Every slot that there is. */
  slots(): readonly (Slot | undefined)[] {
    return this.#slots;
  }

  /**
   * Allocates the first `byteLength` bytes, or all memory if that is as much as may be lent: then no loan has to wait for
   * any. False if `exhausted` said that it took long enough.
   */
  grow(byteLength: number, exhausted: () => boolean): boolean {
    const isAll = byteLength >= this.#limit;
    return this.#memory.grow(isAll ? this.#memory.byteLength : byteLength, exhausted);
  }

  /**
   * As {@link take} for the same length as the last time, where a free slot shows just that already; `undefined`
   * otherwise.
   */
  takeAgain(byteLength: number): Slot | undefined {
    const free = this.#lastFree;
    const last = free.length - 1;
    if (byteLength !== this.#lastLength || last < 0) return undefined;
    const slot = free[last] as Slot;
    if (!isShown(slot, byteLength) || !this.#quota.hasRoomFor(slot.byteLength)) return undefined;
    free.pop();
    this.#freeBytes -= slot.byteLength;
    this.#quota.add(slot.byteLength);
    return slot;
  }

  /**
   * A slot for `byteLength` bytes; `'growing'` if its memory is being allocated, and `exhausted` says
   * that it took long enough for now; `undefined` if it would exceed the limit.
   *
   * @throws `SYSTEM_CALL_FAILED` (`ENOSPC`, `ENOMEM`, `EMFILE`); `PEER_DIED` once it is closed.
   */
  take(byteLength: number, exhausted: () => boolean): Slot | 'growing' | undefined {
    if (this.#isClosed) throw memoryGone();
    const size = slotSize(byteLength);
    if (!this.#quota.hasRoomFor(size)) return undefined;
    const found =
      size > this.#limit ? undefined : (this.#reuse(size) ?? this.#carve(size, exhausted));
    if (typeof found === 'string') return found;
    const slot = found ?? this.#takeOwn(byteLength, exhausted);
    if (typeof slot === 'string') return slot;
    this.#quota.add(slot.byteLength);
    try {
      // What is taken away with each loan does not tell whether it is shown still.
      const { guard } = this.#settings;
      if (guard || !isShown(slot, byteLength)) this.#show(slot, byteLength);
      this.#lastLength = !guard && size === this.#lastSize ? byteLength : -1;
      return slot;
    } catch (error) {
      this.giveBack(slot);
      throw error;
    }
  }

  /** Takes a slot back that nobody holds any more. */
  giveBack(slot: Slot): void {
    this.#quota.remove(slot.byteLength);
    slot.endMessage();
    if (slot.own !== undefined) {
      slot.own.close();
      this.#forget(slot);
      return;
    }
    this.#freeBytes += slot.byteLength;
    this.#freeOf(slot.byteLength).push(slot);
  }

  /** A slot that was sent is lent again, with what is in it: it shows as many bytes. */
  lendAgain(slot: Slot, byteLength: number): void {
    slot.sequence = -1;
    if (this.#settings.guard || !isShown(slot, byteLength)) this.#show(slot, byteLength);
  }

  /** The caller has the slot no more. With `guard`: detaches every view of it that was kept. */
  endLoan(slot: Slot): void {
    if (slot.own !== undefined) slot.own.endLoan();
    else if (this.#settings.guard && slot.buffer !== undefined)
      takeAway(this.#settings.calls, slot.buffer);
  }

  /** Lets all memory go. Views stay: of what is lent out with its bytes, of the rest with zeros. */
  close(): void {
    this.#isClosed = true;
    const kept: number[] = [];
    for (const slot of this.#lent()) {
      if (slot.own !== undefined) slot.own.abandon();
      else kept.push(slot.offset, slot.byteLength);
    }
    for (const slot of this.#slots) {
      slot?.own?.close();
      slot?.closeAttached();
    }
    this.#pending.close();
    this.#windows.close();
    this.#memory.mapping.close(kept);
    this.#memory.fd.close();
    this.#slots.length = 0;
    this.#free.clear();
    this.#lastLength = -1;
  }

  [dispose](): void {
    this.close();
  }

  /** Has `slot.bytes` be what a program is to be shown. */
  #show(slot: Slot, byteLength: number): void {
    const { guard } = this.#settings;
    if (slot.own !== undefined) {
      slot.bytes = slot.own.bytes();
    } else if (guard) {
      slot.buffer = this.#memory.mapping.alias(slot.offset, byteLength);
      slot.bytes = guardedView(slot.buffer, byteLength, 'loan');
    } else {
      // What a program has detached has no length, and is made anew.
      if (!slot.buffer?.byteLength) slot.buffer = this.#buffers.of(slot.offset, slot.byteLength);
      slot.bytes = new Uint8Array(slot.buffer, 0, byteLength);
    }
  }

  /** What is in the hands of the program. */
  #lent(): readonly Slot[] {
    const free = new Set<Slot>();
    for (const slots of this.#free.values()) for (const slot of slots) free.add(slot);
    const isLent = (slot: Slot | undefined): slot is Slot =>
      slot !== undefined && slot.sequence < 0 && !free.has(slot);
    return this.#slots.filter(isLent);
  }

  #reuse(size: number): Slot | undefined {
    const slot = this.#freeOf(size).pop();
    if (slot !== undefined) this.#freeBytes -= size;
    return slot;
  }

  /** Free slots of a size, the one that was used last at the end. */
  #freeOf(size: number): Slot[] {
    if (size === this.#lastSize) return this.#lastFree;
    const free = this.#free.get(size) ?? [];
    this.#free.set(size, free);
    this.#lastSize = size;
    this.#lastLength = -1;
    this.#lastFree = free;
    return free;
  }

  /** A slot out of memory that no slot is made of, or out of slots of other sizes. */
  #carve(size: number, exhausted: () => boolean): Slot | 'growing' | undefined {
    const gap = this.#pageOfGaps === 0 ? 0 : gapBefore(size, this.#pageOfGaps);
    if (gap === 0) return this.#carveWith(0, size, exhausted);
    let found: Slot | 'growing' | undefined;
    try {
      found = this.#carveWith(gap, size, exhausted);
    } catch (error) {
      // Without a gap there may be enough that was allocated before.
      if (!isPageferryError(error, 'SYSTEM_CALL_FAILED')) throw error;
    }
    return found ?? this.#carveWith(0, size, exhausted);
  }

  #carveWith(gap: number, size: number, exhausted: () => boolean): Slot | 'growing' | undefined {
    const byteLength = gap + size;
    const alignment = alignmentOf(size);
    let offset = this.#ranges.take(byteLength, alignment);
    // Rather use memory again than more of it: it costs less, and may still be in the cache.
    if (offset < 0 && this.#freeBytes >= Math.max(size, this.#top / 2))
      offset = this.#melt(byteLength, alignment);
    const next = alignUp(this.#top, alignment);
    if (offset < 0 && next + byteLength <= this.#memory.byteLength) {
      if (!this.#memory.grow(next + byteLength, exhausted)) return 'growing';
      if (next > this.#top) this.#ranges.add([{ offset: this.#top, byteLength: next - this.#top }]);
      offset = next;
      this.#top = next + byteLength;
    }
    if (offset < 0 && this.#freeBytes > 0) {
      offset = this.#melt(byteLength, alignment);
      if (offset < 0) return this.#carveWith(gap, size, exhausted);
    }
    return offset < 0 ? undefined : this.#cut(offset, size, gap);
  }

  /** Makes ranges of all free slots, and takes `byteLength` bytes of them. */
  #melt(byteLength: number, alignment: number): number {
    const melted: Slot[] = [];
    for (const slots of this.#free.values()) for (const slot of slots) melted.push(slot);
    this.#free.clear();
    this.#lastSize = -1;
    this.#lastLength = -1;
    this.#freeBytes = 0;
    for (const slot of melted) this.#forget(slot);
    this.#ranges.add(
      melted.map(({ offset, byteLength, gap }) => ({
        offset: offset - gap,
        byteLength: gap + byteLength,
      })),
    );
    this.#top = this.#ranges.takeLast(this.#top);
    return this.#ranges.take(byteLength, alignment);
  }

  /** @param offset of the gap. */
  #cut(offset: number, size: number, gap: number): Slot {
    // At the beginning there is nothing to keep apart from: what was taken for that is free again.
    const kept = offset === 0 ? 0 : gap;
    if (kept < gap) {
      this.#ranges.add([{ offset: size, byteLength: gap }]);
      this.#top = this.#ranges.takeLast(this.#top);
    }
    return this.#remember((slotId) => new Slot(slotId, offset + kept, size, undefined, kept));
  }

  #takeOwn(byteLength: number, exhausted: () => boolean): Slot | 'growing' {
    const settings = { ...this.#settings, windows: this.#windows };
    const own = this.#pending.take(
      byteLength,
      exhausted,
      () => new OwnMemory(byteLength, settings),
    );
    if (typeof own === 'string') return own;
    return this.#remember((slotId) => new Slot(slotId, 0, own.byteLength, own));
  }

  #remember(make: (slotId: number) => Slot): Slot {
    const slotId = this.#freeTickets.pop() ?? this.#slots.length;
    const slot = make(slotId);
    this.#slots[slotId] = slot;
    return slot;
  }

  #forget(slot: Slot): void {
    this.#slots[slot.slotId] = undefined;
    this.#freeTickets.push(slot.slotId);
  }
}

/** Whether a slot shows so many bytes still: what a program has detached has no length. */
function isShown(slot: Slot, byteLength: number): boolean {
  if (slot.bytes.length !== byteLength) return false;
  return byteLength > 0 || (slot.buffer !== undefined && slot.buffer.byteLength > 0);
}

/** The error on a kernel that cannot keep receivers from mapping the memory writable. */
function noSealOnWriting(): PageferryError {
  return new PageferryError(
    'NOT_SUPPORTED',
    'this kernel cannot keep receivers from writing to the memory (F_SEAL_FUTURE_WRITE, Linux 5.1): ' +
      "use a newer one, or receiverAccess: 'read-write' if you trust every receiver",
    { argument: 'receiverAccess', syscall: 'fcntl', errno: EINVAL, errnoName: 'EINVAL' },
  );
}
