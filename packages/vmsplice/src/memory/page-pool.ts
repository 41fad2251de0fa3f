import { dispose, PageferryError } from '@pageferry/core';
import {
  type LinuxCalls,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_POPULATE_WRITE,
  Mapping,
} from '@pageferry/linux';

/** Slots up to this size share a region of this size; larger ones have a region to themselves. */
const REGION_BYTES = 2 * 1024 * 1024;

/** Memory for one message: page-aligned, from `mmap`, never from V8's heap. */
export interface Slot {
  /** The bytes that were asked for. */
  bytes: Uint8Array;
  /** What the slot takes up, in bytes; 0 for a message of 0 bytes. */
  readonly byteLength: number;
  /** True if pages of this slot may still be referenced by somebody: they must be replaced. */
  referenced: boolean;
}

interface Region {
  readonly mapping: Mapping;
  /** Where the usable part begins: aligned to a huge page. */
  readonly start: number;
  readonly byteLength: number;
  /** Slots of this region that are lent out. */
  lent: number;
}

interface PooledSlot extends Slot {
  readonly region: Region;
  readonly offset: number;
}

const EMPTY = new Uint8Array(0);

/**
 * Page-aligned memory for messages of any size, lent out and taken back.
 *
 * Free slots are reused last-in first-out, so that a slot that is still in the processor's cache goes
 * first. Memory is private and anonymous, on huge pages where the kernel gives them: vmsplice(2)
 * takes references to a huge page's parts several times faster.
 */
export class PagePool implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #limit: number;
  /** How many bytes stay mapped while nobody uses them. */
  readonly #kept: number;
  readonly #pageSize: number;
  readonly #free = new Map<number, PooledSlot[]>();
  readonly #regions = new Set<Region>();
  #bytesOut = 0;
  #bytesMapped = 0;
  #closed = false;

  /** @param limit how many bytes may be out at once; one larger slot is possible when none is out. */
  constructor(calls: LinuxCalls, limit: number) {
    this.#calls = calls;
    this.#limit = limit;
    this.#kept = Math.max(limit, REGION_BYTES);
    this.#pageSize = calls.pageSize();
  }

  /** Bytes that are lent out, as slots. */
  get bytesOut(): number {
    return this.#bytesOut;
  }

  /**
   * A slot for `byteLength` bytes, or `undefined` if that would exceed the limit. Whoever takes it
   * owns it until {@link giveBack}.
   *
   * @throws `SYSTEM_CALL_FAILED` (`mmap`, `ENOMEM`).
   */
  take(byteLength: number): Slot | undefined {
    if (byteLength === 0) return { bytes: EMPTY, byteLength: 0, referenced: false };
    if (!this.hasRoomFor(byteLength)) return undefined;
    const size = this.#slotSize(byteLength);
    const slot = this.#free.get(size)?.pop() ?? this.#map(size);
    slot.region.lent++;
    this.#bytesOut += size;
    if (slot.bytes.length !== byteLength) {
      slot.bytes = new Uint8Array(slot.region.mapping.buffer, slot.offset, byteLength);
    }
    return slot;
  }

  /** Whether a slot for so many bytes can be taken now. */
  hasRoomFor(byteLength: number): boolean {
    if (byteLength === 0 || this.#bytesOut === 0) return true;
    return this.#bytesOut + this.#slotSize(byteLength) <= this.#limit;
  }

  /** Takes a slot back. If its pages may still be referenced, they are replaced by fresh ones. */
  giveBack(slot: Slot): void {
    if (slot.byteLength === 0 || this.#closed) return;
    const pooled = slot as PooledSlot;
    pooled.region.lent--;
    this.#bytesOut -= pooled.byteLength;
    // Where the pages cannot be replaced, the slot is not lent again: they may be somebody's message.
    if (pooled.referenced && !this.#replacePages(pooled)) return;
    const free = this.#free.get(pooled.byteLength);
    if (free) free.push(pooled);
    else this.#free.set(pooled.byteLength, [pooled]);
    this.#trim(0);
  }

  /** Unmaps everything; what is lent out has length 0 from then on. */
  close(): void {
    this.#closed = true;
    for (const region of this.#regions) region.mapping.close();
    this.#regions.clear();
    this.#free.clear();
    this.#bytesOut = 0;
    this.#bytesMapped = 0;
  }

  [dispose](): void {
    this.close();
  }

  #slotSize(byteLength: number): number {
    if (byteLength > REGION_BYTES) return Math.ceil(byteLength / REGION_BYTES) * REGION_BYTES;
    let size = this.#pageSize;
    while (size < byteLength) size *= 2;
    return size;
  }

  #map(slotSize: number): PooledSlot {
    if (this.#closed) throw new PageferryError('CLOSED', 'this memory is gone');
    const byteLength = Math.max(slotSize, REGION_BYTES);
    this.#trim(byteLength);
    // One huge page more than needed, so that an aligned part of the right size lies within.
    const mapping = Mapping.anonymous(this.#calls, byteLength + REGION_BYTES);
    const address = this.#calls.addressOf(mapping.buffer);
    const start = Number(-address & BigInt(REGION_BYTES - 1));
    const region: Region = { mapping, start, byteLength, lent: 0 };
    this.#regions.add(region);
    this.#bytesMapped += byteLength;
    this.#calls.madvise(mapping.buffer, start, byteLength, MADV_HUGEPAGE);
    // Fault a region of small slots in now; a large slot's pages come as they are written, so that
    // no call holds the event loop for as long as the kernel needs to clear a gigabyte.
    if (byteLength === REGION_BYTES) {
      this.#calls.madvise(mapping.buffer, start, byteLength, MADV_POPULATE_WRITE);
    }
    return this.#carve(region, slotSize);
  }

  /** Cuts a region into slots; keeps all of them but the first, which it returns. */
  #carve(region: Region, slotSize: number): PooledSlot {
    const slots: PooledSlot[] = [];
    const end = region.start + region.byteLength;
    for (let offset = end - slotSize; offset >= region.start; offset -= slotSize) {
      const bytes = new Uint8Array(region.mapping.buffer, offset, slotSize);
      slots.push({ bytes, byteLength: slotSize, referenced: false, region, offset });
    }
    const first = slots.pop() as PooledSlot;
    this.#free.set(slotSize, (this.#free.get(slotSize) ?? []).concat(slots));
    return first;
  }

  #replacePages(slot: PooledSlot): boolean {
    // The old pages live on for whoever still references them; the next touch brings fresh ones.
    const { mapping } = slot.region;
    if (this.#calls.madvise(mapping.buffer, slot.offset, slot.byteLength, MADV_DONTNEED) < 0)
      return false;
    slot.referenced = false;
    return true;
  }

  /** Unmaps regions that are free, until `wanted` more bytes fit within what is kept. */
  #trim(wanted: number): void {
    if (this.#bytesMapped + wanted <= this.#kept) return;
    for (const region of this.#regions) {
      if (this.#bytesMapped + wanted <= this.#kept) return;
      if (region.lent > 0) continue;
      for (const [size, slots] of this.#free) {
        const kept = slots.filter((slot) => slot.region !== region);
        if (kept.length !== slots.length) this.#free.set(size, kept);
      }
      this.#regions.delete(region);
      this.#bytesMapped -= region.byteLength;
      region.mapping.close();
    }
  }
}
