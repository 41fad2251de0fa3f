/** The constructor of a type of view, as far as it is used here. */
export interface ViewConstructor {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
  readonly BYTES_PER_ELEMENT?: number;
}

/** The types of views by their numbers in a message. The order is part of the format; new ones come at the end. */
const TYPES: readonly (readonly [name: string, bytesPerElement: number])[] = [
  ['Uint8Array', 1],
  ['Buffer', 1],
  ['DataView', 1],
  ['Int8Array', 1],
  ['Uint8ClampedArray', 1],
  ['Int16Array', 2],
  ['Uint16Array', 2],
  ['Int32Array', 4],
  ['Uint32Array', 4],
  ['Float32Array', 4],
  ['Float64Array', 8],
  ['BigInt64Array', 8],
  ['BigUint64Array', 8],
  ['Float16Array', 2],
];

const NUMBERS = new Map(TYPES.map(([name], number) => [name, number]));

const nameOfTypedArray = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as (this: ArrayBufferView) => string | undefined;

/** Of this Node: one that does not have a type (`Float16Array`) cannot receive it. */
const CONSTRUCTORS = TYPES.map(
  ([name]) => (globalThis as unknown as Record<string, ViewConstructor | undefined>)[name],
);

/** The number of a view's type; `undefined` for one that this version does not know. */
export function viewTypeOf(view: ArrayBufferView): number | undefined {
  // A DataView has no such name.
  const name = nameOfTypedArray.call(view) ?? 'DataView';
  return NUMBERS.get(name === 'Uint8Array' && Buffer.isBuffer(view) ? 'Buffer' : name);
}

/** True for a type of which an element is a byte, from 0 to 255. */
export function isOfBytes(type: number): boolean {
  const name = TYPES[type]?.[0];
  return name === 'Uint8Array' || name === 'Buffer';
}

/** How many bytes an element of a type has; `undefined` for a number that stands for no type. */
export function elementSizeOf(type: number): number | undefined {
  return TYPES[type]?.[1];
}

/**
 * A view of a type.
 *
 * @param byteLength a multiple of the element's size, as `byteOffset` is.
 * @throws if this Node does not have the type (`Float16Array`).
 */
export function makeView(
  type: number,
  buffer: ArrayBufferLike,
  byteOffset: number,
  byteLength: number,
): ArrayBufferView {
  if (TYPES[type]?.[0] === 'Buffer') return Buffer.from(buffer, byteOffset, byteLength);
  const make = CONSTRUCTORS[type];
  if (make === undefined) throw new TypeError(`this Node has no ${TYPES[type]?.[0]}`);
  return new make(buffer, byteOffset, byteLength / (elementSizeOf(type) as number));
}
