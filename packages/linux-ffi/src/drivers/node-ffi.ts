/**
 * What is used of `node:ffi`. It is experimental, and the type declarations for the oldest supported
 * Node do not have it.
 */
export interface NodeFfi {
  readonly DynamicLibrary: new (name: string | null) => DynamicLibrary;
  /** The address of a buffer's memory. */
  getRawPointer(memory: ArrayBufferLike): bigint;
  /** An ArrayBuffer over foreign memory, or with a copy of it. */
  toArrayBuffer(address: bigint, byteLength: number, copy: boolean): ArrayBuffer;
}

/** A library that is open. */
export interface DynamicLibrary {
  getFunction(
    name: string,
    signature: { readonly return: string; readonly arguments: readonly string[] },
  ): (...values: readonly (number | bigint)[]) => number | bigint | undefined;
  getSymbol(name: string): bigint;
}

/**
 * Loads `node:ffi`.
 *
 * @throws if this Node does not have it, or was started without it.
 */
export function loadNodeFfi(): NodeFfi {
  const module = process.getBuiltinModule('node:ffi') as NodeFfi | undefined;
  if (module === undefined) {
    throw new Error(
      `Node ${process.version} has no node:ffi: it comes with Node 26.9, unless --no-experimental-ffi takes it away`,
    );
  }
  return module;
}
