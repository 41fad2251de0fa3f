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
