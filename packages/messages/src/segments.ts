import { copyBytes } from '@pageferry/core';
import { ALIGNED_FROM, ALIGNMENT, alignUp, SMALL_ALIGNMENT } from './format.js';

/** A part of an ArrayBuffer that a message holds, from `start` to `end`. */
export interface Segment {
  readonly buffer: ArrayBufferLike | undefined;
  start: number;
  end: number;
  /** Where the byte at `start` lies, counted from the first segment. */
  position: number;
}

/** The memory of a value: what overlaps lies in it once. */
export class Segments {
  readonly #ofBuffer = new Map<ArrayBufferLike, Segment[]>();
  readonly #placeholders: Segment[] = [];
  /** How many bytes all of them take; after {@link place}. */
  byteLength = 0;

  /** Takes a part of a buffer in. What it overlaps, it becomes one with. */
  add(buffer: ArrayBufferLike, start: number, end: number): void {
    const segments = this.#ofBuffer.get(buffer);
    if (segments === undefined) {
      this.#ofBuffer.set(buffer, [{ buffer, start, end, position: 0 }]);
    } else {
      segments.push({ buffer, start, end, position: 0 });
    }
  }

  /** Memory that the caller will fill. */
  addPlaceholder(byteLength: number): Segment {
    const segment = { buffer: undefined, start: 0, end: byteLength, position: 0 };
    this.#placeholders.push(segment);
    return segment;
  }

  /** Gives each segment its place. Nothing is added afterwards. */
  place(): void {
    for (const [buffer, parts] of this.#ofBuffer) this.#ofBuffer.set(buffer, merged(parts));
    for (const segment of this.all()) {
      const byteLength = segment.end - segment.start;
      // A view of any type keeps its place within 8 bytes, and so its alignment.
      const lead = segment.start % SMALL_ALIGNMENT;
      const alignment = byteLength >= ALIGNED_FROM ? ALIGNMENT : SMALL_ALIGNMENT;
      segment.position = alignUp(this.byteLength, alignment) + lead;
      this.byteLength = segment.position + byteLength;
    }
  }

  /** Where a byte of a buffer lies, counted from the first segment. */
  positionOf(buffer: ArrayBufferLike, offset: number, end: number): number {
    const segments = this.#ofBuffer.get(buffer) ?? [];
    // They are in order and apart: the last one that begins at or before it.
    let low = 0;
    let high = segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((segments[middle] as Segment).start <= offset) low = middle;
      else high = middle - 1;
    }
    const segment = segments[low];
    if (segment === undefined || segment.start > offset || segment.end < end) {
      throw new RangeError('a buffer has changed its length while it was cloned');
    }
    return segment.position + offset - segment.start;
  }

  /** Copies them into `target`, whose first byte is that of the first segment. What lies between becomes 0. */
  copyTo(target: Uint8Array): void {
    let written = 0;
    for (const { buffer, start, end, position } of this.all()) {
      target.fill(0, written, position);
      if (buffer !== undefined) {
        copyBytes(target, new Uint8Array(buffer, start, end - start), position);
      }
      written = position + end - start;
    }
  }

  *all(): Iterable<Segment> {
    for (const segments of this.#ofBuffer.values()) yield* segments;
    yield* this.#placeholders;
  }
}

function merged(parts: Segment[]): Segment[] {
  if (parts.length === 1) return parts;
  const result: Segment[] = [];
  for (const part of parts.sort((one, other) => one.start - other.start || one.end - other.end)) {
    const last = result.at(-1);
    if (last !== undefined && part.start < last.end) last.end = Math.max(last.end, part.end);
    else if (last !== undefined && part.start === last.start && last.start === last.end)
      last.end = part.end;
    else result.push(part);
  }
  return result;
}
