import type { LoopBudget } from '../waiting/loop-budget.js';
import { nextTurn } from '../waiting/loop-budget.js';

/** How much is copied at a stretch: about 30 microseconds' worth. */
const PIECE = 256 * 1024;

/** Copies `sources` into `target.bytes` one after the other, if that takes little time. False if it would not. */
export function copyAtOnce(
  target: { readonly bytes: Uint8Array; readonly byteLength: number },
  sources: readonly Uint8Array[],
): boolean {
  if (target.byteLength > PIECE) return false;
  let start = 0;
  for (const source of sources) {
    target.bytes.set(source, start);
    start += source.length;
  }
  return true;
}

/**
 * Copies `sources` into `target.bytes` one after the other, giving other events a turn whenever the budget is
 * used up. Reads `target.bytes` afresh for each piece, so that memory that was taken away meanwhile is noticed.
 */
export async function copyInPieces(
  target: { readonly bytes: Uint8Array },
  sources: readonly Uint8Array[],
  budget: LoopBudget,
): Promise<void> {
  let start = 0;
  for (const source of sources) {
    for (let offset = 0; offset < source.length; offset += PIECE) {
      if (start + offset > 0 && budget.exhausted()) await nextTurn();
      target.bytes.set(source.subarray(offset, offset + PIECE), start + offset);
    }
    start += source.length;
  }
}
