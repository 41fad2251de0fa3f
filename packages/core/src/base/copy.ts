import type { LoopBudget } from '../waiting/loop-budget.js';
import { nextTurn } from '../waiting/loop-budget.js';
import { sourceDetached } from './detached.js';

/** How much is copied at a stretch, in bytes: about 30 microseconds' worth. */
export const COPIED_AT_ONCE: number = 256 * 1024;

/** From this length on, in bytes, source and target together are more than nearly any processor's cache holds. */
const LARGE = 16 * 2 ** 20;

/** Copies bytes past the processor's caches (`LinuxCalls.copyPastCache`): 0, or a negative number if it has copied nothing. */
export type CopyPastCache = (
  target: Uint8Array,
  targetOffset: number,
  targetLength: number,
  source: Uint8Array,
  sourceOffset: number,
  sourceLength: number,
) => number;

/** Of the binding that this thread has loaded. */
let copyPastCache: CopyPastCache | undefined;

/** Has what no cache can hold be copied so from now on, on this thread, by whichever transport. For bindings. */
export function usePastCache(copy: CopyPastCache): void {
  copyPastCache = copy;
}

/**
 * Copies `source` to `offset` of `target`, as `target.set` does, and what is too large for caches faster.
 *
 * @param wholeLength how many bytes are copied in all, of which `source` may be a part.
 */
export function copyBytes(
  target: Uint8Array,
  source: Uint8Array,
  offset: number,
  wholeLength: number = source.length,
): void {
  if (wholeLength >= LARGE && copyPastCache !== undefined) {
    const { length } = source;
    if (copyPastCache(target, offset, length, source, 0, length) === 0) return;
  }
  target.set(source, offset);
}

/** How many bytes several views have together. */
export function lengthOf(pieces: readonly Uint8Array[]): number {
  let byteLength = 0;
  for (const { length } of pieces) byteLength += length;
  return byteLength;
}

/** Where to copy to. */
interface CopyTarget {
  readonly bytes: Uint8Array;
  readonly byteLength: number;
}

/**
 * Copies `sources` into `target.bytes` one after the other, if that takes little time. False if it would not.
 *
 * @throws `BYTES_DETACHED` unless they fill it: they were measured before it was lent, and may have changed meanwhile.
 */
export function copyAtOnce(target: CopyTarget, sources: readonly Uint8Array[]): boolean {
  const { byteLength } = target;
  if (byteLength > COPIED_AT_ONCE) return false;
  let start = 0;
  for (const source of sources) {
    const { length } = source;
    if (start + length > byteLength) throw sourceDetached('bytes');
    // One that was transferred cannot be copied.
    if (length > 0) target.bytes.set(source, start);
    start += length;
  }
  if (start !== byteLength) throw sourceDetached('bytes');
  return true;
}

/**
 * Copies `sources` into `target.bytes` one after the other, giving other events a turn whenever the budget is
 * used up. Reads `target.bytes` afresh for each piece, so that memory that was taken away meanwhile is noticed.
 *
 * @throws `BYTES_DETACHED` unless they fill it, as {@link copyAtOnce}.
 */
export async function copyInPieces(
  target: CopyTarget,
  sources: readonly Uint8Array[],
  budget: LoopBudget,
): Promise<void> {
  const { byteLength } = target;
  let start = 0;
  for (const source of sources) {
    for (let offset = 0; offset < source.length; offset += COPIED_AT_ONCE) {
      if (start + offset > 0 && budget.exhausted()) await nextTurn();
      const length = Math.min(source.length - offset, COPIED_AT_ONCE);
      if (length <= 0 || start + offset + length > byteLength) throw sourceDetached('bytes');
      const piece = source.subarray(offset, offset + length);
      copyBytes(target.bytes, piece, start + offset, source.length);
    }
    start += source.length;
  }
  if (start !== byteLength) throw sourceDetached('bytes');
}
