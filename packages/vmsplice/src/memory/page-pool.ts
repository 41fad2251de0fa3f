import { ByteQuota, dispose, memoryGone } from '@pageferry/core';
import {
  type LinuxCalls,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_POPULATE_WRITE,
  Mapping,
} from '@pageferry/linux';

/** Slots up to this size share a region of this size; larger ones have a region to themselves. */
const REGION_BYTES = 2 * 1024 * 1024;

/** How many regions without pages are kept: they take up addresses alone. */
const MAX_EMPTY = 16;

/** Memory for one message: page-aligned, from `mmap`, never from V8's heap. */
export interface Slot {
  /**
   * The bytes that were asked for, in an `ArrayBuffer` of their own, to show to a program.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes for this package alone: nobody else can detach them. */
  readonly inner: Uint8Array<ArrayBuffer>;
  /** What the slot takes up, in bytes; 0 for a message of 0 bytes. */
  readonly byteLength: number;
  /** True if pages of this slot may still be referenced by somebody: they must be replaced. */
  referenced: boolean;
  /** True while a program has it to write to. */
  isLent: boolean;
  /** How many receivers have not given back what is in it. */
  holders: number;
  /** True while what is in it may have to be sent again, though everybody may have given it back. */
  isKept: boolean;
}

interface Region {
  readonly mapping: Mapping;
  /** Where the usable part begins: aligned to a huge page. */
  readonly start: number;
  readonly byteLength: number;
  /** Slots of this region that are lent out. */
  lent: number;
  /** False once its pages were given back, and none is needed yet. */
  resident: boolean;
}

const NONE: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** A part of a region, and the two `ArrayBuffer`s over it, which are made once. */
class PooledSlot implements Slot {
  inner: Uint8Array<ArrayBuffer> = NONE;
  referenced = false;
  isLent = false;
  holders = 0;
  isKept = false;
  #bytes = NONE;
  #buffer: ArrayBuffer | undefined;

  constructor(
    readonly region: Region,
    readonly offset: number,
    readonly byteLength: number,
  ) {}

  /** Has `inner` be so long. */
  resize(byteLength: number): void {
    if (this.inner.length === byteLength) return;
    if (this.inner === NONE) this.inner = new Uint8Array(this.#alias());
    this.inner = new Uint8Array(this.inner.buffer, 0, byteLength);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    const { byteLength } = this.inner;
    // Those that a program has detached have no length.
    if (this.#bytes.length === byteLength) return this.#bytes;
    if (this.#buffer?.byteLength !== this.byteLength) {
      this.#buffer = this.#alias();
    }
    this.#bytes = new Uint8Array(this.#buffer, 0, byteLength);
    return this.#bytes;
  }

  /** What the program was shown last; the next one is shown another buffer. Only once it was shown one. */
  forgetShown(): ArrayBuffer {
    const shown = this.#buffer as ArrayBuffer;
    this.#buffer = undefined;
    this.#bytes = NONE;
    return shown;
  }

  #alias(): ArrayBuffer {
    return this.region.mapping.alias(this.offset, this.byteLength);
  }
}

/**
 * Page-aligned memory for messages of any size, lent out and taken back.
 *
 * Free slots are reused last-in first-out, so that a slot that is still in the processor's cache goes
 * first. Memory is private and anonymous, on huge pages where the kernel gives them: vmsplice(2)
 * takes references to a huge page's parts several times faster.
 */
export class PagePool implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #quota: ByteQuota;
  readonly #kept: number;
  readonly #pageSize: number;
  readonly #free = new Map<number, PooledSlot[]>();
  readonly #regions = new Set<Region>();
  /** Regions whose pages were given back, and that nobody needs at present. The oldest come first. */
  readonly #emptied = new Set<Region>();
  readonly #abandoned = new FinalizationRegistry<PooledSlot>((slot) => {
    if (!this.#closed) this.#recycle(slot);
  });
  #bytesMapped = 0;
  #closed = false;

  /**
   * @param limit how many bytes may be out at once; one larger slot is possible when none is out.
   * @param kept how many bytes stay mapped while nobody uses them, at least a region.
   */
  constructor(calls: LinuxCalls, limit: number, kept = limit) {
    this.#calls = calls;
    this.#quota = new ByteQuota(limit);
    this.#kept = Math.max(kept, REGION_BYTES);
    this.#pageSize = calls.pageSize();
  }

  /** Bytes that are lent out, as slots. */
  get bytesOut(): number {
    return this.#quota.bytes;
  }

  /**
   * A slot for `byteLength` bytes, or `undefined` if that would exceed the limit. Whoever takes it
   * owns it until {@link giveBack}.
   *
   * @throws `SYSTEM_CALL_FAILED` (`mmap`, `ENOMEM`).
   */
  take(byteLength: number): Slot | undefined {
    if (byteLength === 0) return emptySlot();
    if (!this.hasRoomFor(byteLength)) return undefined;
    const size = this.slotSize(byteLength);
    const slot = this.#free.get(size)?.pop() ?? this.#map(size);
    slot.region.lent++;
    this.#makeResident(slot.region);
    this.#quota.add(size);
    try {
      slot.resize(byteLength);
      return slot;
    } catch (error) {
      this.giveBack(slot);
      throw error;
    }
  }

  /** Whether a slot for so many bytes can be taken now. */
  hasRoomFor(byteLength: number): boolean {
    return byteLength === 0 || this.#quota.hasRoomFor(this.slotSize(byteLength));
  }

  /** Takes a slot back. If its pages may still be referenced, they are replaced by fresh ones. */
  giveBack(slot: Slot): void {
    if (slot.byteLength === 0 || this.#closed) return;
    const pooled = slot as PooledSlot;
    this.#quota.remove(pooled.byteLength);
    this.#recycle(pooled);
  }

  /** Has a slot be lent again. */
  #recycle(pooled: PooledSlot): void {
    pooled.region.lent--;
    // Where the pages cannot be replaced, the slot is not lent again: they may be somebody's message.
    if (pooled.referenced && !this.#replacePages(pooled)) return;
    const free = this.#free.get(pooled.byteLength);
    if (free) free.push(pooled);
    else this.#free.set(pooled.byteLength, [pooled]);
    this.#trim(0);
  }

  /** Has a slot be written to again, with what is in it: whoever may reference its pages keeps the old ones. */
  renew(slot: Slot): void {
    if (!slot.referenced && slot.holders === 0) return;
    const bytes = slot.inner.slice();
    if (this.#replacePages(slot as PooledSlot)) slot.inner.set(bytes);
  }

  /**
   * Takes a slot back that a program may go on to see, and to write to: it does not count any more, and is lent
   * again once what the program was shown is garbage.
   */
  abandon(slot: Slot): void {
    if (slot.byteLength === 0 || this.#closed) return;
    const pooled = slot as PooledSlot;
    pooled.isLent = false;
    this.#quota.remove(pooled.byteLength);
    const shown = pooled.forgetShown();
    // Whoever has taken it over may use it for ever.
    if (shown.byteLength > 0) this.#abandoned.register(shown, pooled);
  }

  /** Lets all memory go: what is lent out when it is garbage, and stays as it is until then. */
  close(): void {
    this.#closed = true;
    for (const { mapping, lent } of this.#regions) {
      if (lent > 0) mapping.closeLater();
      else mapping.close();
    }
    for (const { mapping } of this.#emptied) mapping.close();
    this.#regions.clear();
    this.#emptied.clear();
    this.#free.clear();
    this.#bytesMapped = 0;
  }

  [dispose](): void {
    this.close();
  }

  /** What the slot of a message takes up, in bytes. */
  slotSize(byteLength: number): number {
    if (byteLength === 0) return 0;
    if (byteLength > REGION_BYTES) return Math.ceil(byteLength / REGION_BYTES) * REGION_BYTES;
    let size = this.#pageSize;
    while (size < byteLength) size *= 2;
    return size;
  }

  #map(slotSize: number): PooledSlot {
    if (this.#closed) throw memoryGone();
    const byteLength = Math.max(slotSize, REGION_BYTES);
    this.#trim(byteLength);
    // One huge page more than needed, so that an aligned part of the right size lies within.
    const mapping = Mapping.anonymous(this.#calls, byteLength + REGION_BYTES, 0, 'parts');
    const address = this.#calls.addressOf(mapping.buffer);
    const start = Number(-address & BigInt(REGION_BYTES - 1));
    const region: Region = { mapping, start, byteLength, lent: 0, resident: true };
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
      slots.push(new PooledSlot(region, offset, slotSize));
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

  /** Has memory for a region again, if it was given back. */
  #makeResident(region: Region): void {
    if (region.resident) return;
    this.#trim(region.byteLength);
    region.resident = true;
    this.#emptied.delete(region);
    this.#regions.add(region);
    this.#bytesMapped += region.byteLength;
  }

  /** Gives back the pages of regions that are free, until `wanted` more bytes fit within what is kept. */
  #trim(wanted: number): void {
    for (const region of this.#regions) {
      if (this.#bytesMapped + wanted <= this.#kept) return;
      if (region.lent === 0) this.#empty(region);
    }
  }

  /** Gives the pages back, and keeps the addresses, and the buffers over them, to use again. */
  #empty(region: Region): void {
    const { mapping, start, byteLength } = region;
    this.#calls.madvise(mapping.buffer, start, byteLength, MADV_DONTNEED);
    region.resident = false;
    this.#bytesMapped -= byteLength;
    this.#regions.delete(region);
    this.#emptied.add(region);
    const [first] = this.#emptied;
    if (this.#emptied.size > MAX_EMPTY && first !== undefined) this.#forget(first);
  }

  #forget(region: Region): void {
    for (const [size, slots] of this.#free) {
      const kept = slots.filter((slot) => slot.region !== region);
      if (kept.length !== slots.length) this.#free.set(size, kept);
    }
    this.#emptied.delete(region);
    region.mapping.close();
  }
}

/** A new one each time: a program can detach what it is shown, be it empty. */
function emptySlot(): Slot {
  return {
    bytes: new Uint8Array(0),
    inner: NONE,
    byteLength: 0,
    referenced: false,
    isLent: false,
    holders: 0,
    isKept: false,
  };
}
