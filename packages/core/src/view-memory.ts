/** Where the memory of a view lies. */
export interface ViewMemory {
  /** Of which it is a part. */
  readonly buffer: ArrayBufferLike;
  /** Where that part begins, in bytes. */
  readonly byteOffset: number;
  /** How long it is, in bytes. */
  readonly byteLength: number;
}

type Getter = (this: unknown) => unknown;

const OF_TYPED_ARRAYS = Object.getPrototypeOf(Uint8Array.prototype) as object;
const typeOf = getter(OF_TYPED_ARRAYS, Symbol.toStringTag);
const bufferOf = getter(OF_TYPED_ARRAYS, 'buffer');
const byteOffsetOf = getter(OF_TYPED_ARRAYS, 'byteOffset');
const byteLengthOf = getter(OF_TYPED_ARRAYS, 'byteLength');
const bufferOfDataView = getter(DataView.prototype, 'buffer');
const byteOffsetOfDataView = getter(DataView.prototype, 'byteOffset');
const byteLengthOfDataView = getter(DataView.prototype, 'byteLength');
const byteLengthOfBuffer = getter(ArrayBuffer.prototype, 'byteLength');
const keysOf = Uint8Array.prototype.keys as Getter;

/**
 * Where the memory of a view lies, as the engine has it: a view may have lost its prototype, or have properties of these names.
 *
 * @returns `undefined` if the memory is not there any more: it was transferred, or became shorter than the view.
 */
export function memoryOf(view: ArrayBufferView): ViewMemory | undefined {
  if (typeOf.call(view) === undefined) return memoryOfDataView(view);
  const byteLength = byteLengthOf.call(view) as number;
  if (byteLength === 0 && !isThere(view)) return undefined;
  return {
    buffer: bufferOf.call(view) as ArrayBufferLike,
    byteOffset: byteOffsetOf.call(view) as number,
    byteLength,
  };
}

/** The length of an `ArrayBuffer` in bytes, as the engine has it. 0 if it was transferred. */
export function lengthOfBuffer(buffer: ArrayBuffer): number {
  return byteLengthOfBuffer.call(buffer) as number;
}

/** Whether the memory of a typed array that is empty was there at all. */
function isThere(view: ArrayBufferView): boolean {
  try {
    // A length of 0 alone says nothing. Each method of typed arrays throws then; this one reads nothing yet.
    keysOf.call(view);
    return true;
  } catch {
    return false;
  }
}

function memoryOfDataView(view: ArrayBufferView): ViewMemory | undefined {
  try {
    return {
      buffer: bufferOfDataView.call(view) as ArrayBufferLike,
      byteOffset: byteOffsetOfDataView.call(view) as number,
      byteLength: byteLengthOfDataView.call(view) as number,
    };
  } catch {
    return undefined;
  }
}

function getter(prototype: object, name: PropertyKey): Getter {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as Getter;
}
