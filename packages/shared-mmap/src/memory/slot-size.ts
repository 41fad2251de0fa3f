import { MAX_MESSAGE_BYTES } from '../capabilities.js';
import { PLACE_UNIT } from '../layout.js';
import { alignUp } from './ranges.js';

/** From this size on, slots begin on a page: such messages may go to `O_DIRECT` files. */
export const PAGE_BYTES = 4096;

/** What a message takes up: whole cache lines, and whole pages from one page on. */
export function slotSize(byteLength: number): number {
  if (byteLength === 0) return PLACE_UNIT;
  if (byteLength < PAGE_BYTES) return (byteLength + PLACE_UNIT - 1) & -PLACE_UNIT;
  return alignUp(byteLength, PAGE_BYTES);
}

/** What the offset of a slot of this size is a multiple of. */
export function alignmentOf(size: number): number {
  return size < PAGE_BYTES ? PLACE_UNIT : PAGE_BYTES;
}

/** How many pages a slot has at least that is kept at an odd number of pages from its neighbour. */
const COLOURED_PAGES = 64;

/**
 * What to leave free before a slot of this size, in bytes: a page, or nothing.
 *
 * The first words of messages are what both sides touch most, and a translation look-aside buffer and a cache find their
 * places by the lower bits of an address. Slots that are a large power of two apart share a few places, and throw each
 * other out of them; those that are an odd number of pages apart go through all. Allocators call that colouring (Bonwick, "The
 * Slab Allocator", USENIX 1994, section 4.1).
 */
export function gapBefore(size: number, pageSize: number): number {
  const pages = size / pageSize;
  return pages >= COLOURED_PAGES && pages % 2 === 0 ? pageSize : 0;
}

/**
 * How long payload memory is that slots of so many bytes have room in, and all gaps before them: a whole number of pages.
 * There are no gaps where it would be longer than it may be.
 *
 * @param byteLength a whole number of pages.
 */
export function withRoomForGaps(byteLength: number, pageSize: number): number {
  const withGaps = byteLength + Math.floor(byteLength / (COLOURED_PAGES * pageSize)) * pageSize;
  return withGaps <= MAX_MESSAGE_BYTES ? withGaps : byteLength;
}
