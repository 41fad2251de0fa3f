import { checkInteger, invalidArgument } from '@pageferry/core';

/** How many bytes a placeholder stands for. A property of its own: a WeakMap takes as long as making the view, and the collector, too. */
const BYTES = Symbol('bytes');

interface Placeholder extends ArrayBufferView {
  [BYTES]?: number;
}

/** A type of view that {@link shared} takes. */
interface SharedType<T extends ArrayBufferView> {
  new (buffer: ArrayBuffer): T;
  readonly BYTES_PER_ELEMENT?: number;
}

/**
 * Stands for a typed array or a `DataView` that is to lie in the loan: `port.compose` gives a value back that has the real
 * one in its place. It has no memory itself.
 *
 * @param type for example `Float32Array`.
 * @param length in elements; of a `DataView` in bytes.
 * @throws `INVALID_ARGUMENT`.
 * @example
 * const message = await port.compose({ width, pixels: shared(Uint8Array, 40e6) });
 * message.value.pixels.fill(7);
 * await message.send();
 */
export function shared<T extends ArrayBufferView>(type: SharedType<T>, length: number): T {
  checkInteger('length', length, 0);
  let view: T;
  try {
    view = new type(new ArrayBuffer(0));
  } catch {
    throw invalidArgument('type', type, 'a type of typed arrays or DataView');
  }
  if (!ArrayBuffer.isView(view) || view.byteLength !== 0)
    throw invalidArgument('type', type, 'a type of typed arrays or DataView');
  (view as Placeholder)[BYTES] = length * (type.BYTES_PER_ELEMENT ?? 1);
  return view;
}

/** How many bytes an empty view stands for; `undefined` if it is no placeholder. */
export function bytesOfPlaceholder(view: ArrayBufferView): number | undefined {
  return (view as Placeholder)[BYTES];
}
