import { copyBytes, type PageferryError } from '@pageferry/core';
import { ALIGNED_FROM, ALIGNMENT, alignUp, SMALL_ALIGNMENT } from './format.js';
import { NOT_THERE, notCloneable } from './survey.js';

/** A part of an ArrayBuffer that a message holds, from `start` to `end`. */
export interface Segment {
  readonly buffer: ArrayBufferLike | undefined;
  start: number;
  end: number;
  /** Where the byte at `start` lies, counted from the first segment. */
  position: number;
  /** The view of bytes that it was, if it was one: to be copied without another view of the same. */
  readonly bytes?: Uint8Array | undefined;
}

/** The memory of a value: what overlaps lies in it once. */
export class Segments {
  readonly #parts: Segment[] = [];
  readonly #placeholders: Segment[] = [];
  /** The parts of each buffer, where there are several; after {@link place}. */
  #ofBuffer: Map<ArrayBufferLike | undefined, Segment[]> | undefined;
  /** In the order in which they lie; after {@link place}. */
  #placed: readonly Segment[] = [];
  /** How many bytes all of them take; after {@link place}. */
  byteLength = 0;

  /**
   * Takes a part of a buffer in. What it overlaps, it becomes one with.
   *
   * @param bytes a view of bytes that is that part.
   */
  add(buffer: ArrayBufferLike, start: number, end: number, bytes?: Uint8Array): void {
    this.#parts.push({ buffer, start, end, position: 0, bytes });
  }

  /** Memory that the caller will fill. */
  addPlaceholder(byteLength: number): Segment {
    const segment = { buffer: undefined, start: 0, end: byteLength, position: 0 };
    this.#placeholders.push(segment);
    return segment;
  }

  /** Gives each segment its place. Nothing is added afterwards. */
  place(): void {
    const parts = this.#parts.length > 1 ? this.#merged() : this.#parts;
    this.#placed = this.#placeholders.length > 0 ? [...parts, ...this.#placeholders] : parts;
    for (const segment of this.#placed) {
      const byteLength = segment.end - segment.start;
      // A view of any type keeps its place within 8 bytes, and so its alignment.
      const lead = segment.start % SMALL_ALIGNMENT;
      const alignment = byteLength >= ALIGNED_FROM ? ALIGNMENT : SMALL_ALIGNMENT;
      segment.position = alignUp(this.byteLength, alignment) + lead;
      this.byteLength = segment.position + byteLength;
    }
  }

  #merged(): Segment[] {
    const ofBuffer = new Map<ArrayBufferLike | undefined, Segment[]>();
    for (const part of this.#parts) {
      const others = ofBuffer.get(part.buffer);
      if (others === undefined) ofBuffer.set(part.buffer, [part]);
      else others.push(part);
    }
    for (const [buffer, parts] of ofBuffer) ofBuffer.set(buffer, merged(parts));
    this.#ofBuffer = ofBuffer;
    return [...ofBuffer.values()].flat();
  }

  /** Where a byte of a buffer lies, counted from the first segment. @throws `NOT_CLONEABLE` if it is not there any more. */
  positionOf(buffer: ArrayBufferLike, offset: number, end: number): number {
    const segments = this.#ofBuffer?.get(buffer) ?? this.#parts;
    // They are in order and apart: the last one that begins at or before it.
    let low = 0;
    let high = segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((segments[middle] as Segment).start <= offset) low = middle;
      else high = middle - 1;
    }
    const segment = segments[low];
    if (segment?.buffer !== buffer || segment.start > offset || segment.end < end) {
      throw notThere();
    }
    return segment.position + offset - segment.start;
  }

  /** Copies them into `target`, where the first byte of the first segment lies at `first`. What lies between becomes 0. */
  copyTo(target: Uint8Array, first: number): void {
    let written = first;
    for (const segment of this.#placed) {
      const at = first + segment.position;
      if (written < at) target.fill(0, written, at);
      if (segment.buffer !== undefined) copyTo(target, segment, segment.buffer, at);
      written = at + segment.end - segment.start;
    }
  }
}

/** @throws `NOT_CLONEABLE` for what is not there any more. */
function copyTo(
  target: Uint8Array,
  { bytes, start, end }: Segment,
  buffer: ArrayBufferLike,
  at: number,
): void {
  try {
    const isWhole = bytes?.byteOffset === start && bytes.length === end - start;
    copyBytes(target, isWhole ? bytes : new Uint8Array(buffer, start, end - start), at);
  } catch (cause) {
    throw notThere(cause);
  }
}

function notThere(cause?: unknown): PageferryError {
  return notCloneable(NOT_THERE, '', cause);
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
