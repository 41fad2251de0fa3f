import { invalidArgument } from '@pageferry/core';
import { type Segment, Segments } from './segments.js';
import { bytesOfPlaceholder } from './shared.js';
import { isOfBytes, viewTypeOf } from './view-types.js';

/** A view of a value. */
export interface ViewEntry {
  readonly type: number;
  readonly view: ArrayBufferView;
  readonly byteLength: number;
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
   * @returns its number; `undefined` if its type is not known.
   * @throws `INVALID_ARGUMENT` for a placeholder that is not taken.
   */
  add(view: ArrayBufferView): number | undefined {
    const type = viewTypeOf(view);
    if (type === undefined) return undefined;
    const length = bytesOfPlaceholder(view);
    if (length === undefined) {
      const { buffer, byteOffset, byteLength } = view;
      const bytes = isOfBytes(type) ? (view as Uint8Array) : undefined;
      this.segments.add(buffer, byteOffset, byteOffset + byteLength, bytes);
      return this.all.push({ type, view, byteLength, placeholder: undefined }) - 1;
    }
    if (!this.#takesPlaceholders) {
      throw invalidArgument('value', view, 'composed, as it has shared() in it');
    }
    const placeholder = this.segments.addPlaceholder(length);
    return this.all.push({ type, view, byteLength: length, placeholder }) - 1;
  }
}
