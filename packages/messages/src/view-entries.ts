import { invalidArgument, memoryOf, type ViewMemory } from '@pageferry/core';
import { type Segment, Segments } from './segments.js';
import { bytesOfPlaceholder } from './shared.js';
import { isOfBytes, viewTypeOf } from './view-types.js';

/** A view of a value. */
export interface ViewEntry extends ViewMemory {
  readonly type: number;
  readonly placeholder: Segment | undefined;
}

/** The views of a value, and the memory that is laid out for them. */
export class ViewEntries {
  readonly all: ViewEntry[] = [];
  readonly segments: Segments = new Segments();
  readonly #takesPlaceholders: boolean;

  /** @param takesPlaceholders take what `shared` returns, and lay it out. */
  constructor(takesPlaceholders: boolean) {
    this.#takesPlaceholders = takesPlaceholders;
  }

  /**
   * Lays out the memory of a view.
   *
   * @returns its number; `undefined` if its type is not known, or its memory is not there any more.
   * @throws `INVALID_ARGUMENT` for a placeholder that is not taken.
   */
  add(view: ArrayBufferView): number | undefined {
    const type = viewTypeOf(view);
    const memory = type === undefined ? undefined : memoryOf(view);
    if (type === undefined || memory === undefined) return undefined;
    const { buffer, byteOffset, byteLength } = memory;
    const length = byteLength === 0 ? bytesOfPlaceholder(view) : undefined;
    if (length === undefined) {
      const bytes = isOfBytes(type) ? (view as Uint8Array) : undefined;
      this.segments.add(buffer, byteOffset, byteOffset + byteLength, bytes);
      return this.all.push({ type, buffer, byteOffset, byteLength, placeholder: undefined }) - 1;
    }
    if (!this.#takesPlaceholders) {
      throw invalidArgument('value', view, 'composed, as it has shared() in it');
    }
    const placeholder = this.segments.addPlaceholder(length);
    return this.all.push({ type, buffer, byteOffset, byteLength: length, placeholder }) - 1;
  }
}
