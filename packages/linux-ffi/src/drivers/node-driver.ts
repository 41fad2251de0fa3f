import { openProgram } from './c-library.js';
import type { ArgumentType, Declare, Driver, NativeFunction, ResultType, Wide } from './driver.js';
import { type DynamicLibrary, loadNodeFfi, type NodeFfi } from './node-ffi.js';
import { SpliceWorkers } from './splice-workers.js';

/** node:ffi's names. */
const TYPES: Readonly<Record<ArgumentType | ResultType, string>> = {
  int: 'int32',
  uint: 'uint32',
  wide: 'int64',
  pointer: 'pointer',
  void: 'void',
};

/**
 * Node's own hooks for the end of an environment: `node::AddEnvironmentCleanupHook` of node.h, which
 * Node-API's hooks are made of. node:ffi has no Node-API environment to pass. The names are those that
 * every C++ compiler on Linux makes of the declarations, and the arguments are plain pointers.
 */
const HOOKS = {
  currentIsolate: '_ZN2v87Isolate10GetCurrentEv',
  add: '_ZN4node25AddEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_',
  remove: '_ZN4node28RemoveEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_',
} as const;

/** The driver over node:ffi, for a Node that has it (26.9 and later). */
export class NodeDriver implements Driver {
  readonly binding = 'node-ffi';
  readonly #ffi: NodeFfi;
  readonly #library: DynamicLibrary;
  readonly #workers = new SpliceWorkers();
  readonly #isolate: bigint;
  readonly #addHook: NativeFunction;
  readonly #removeHook: NativeFunction;

  /** @throws whatever is thrown where there is no node:ffi, or it finds no C library. */
  constructor(load: () => NodeFfi = loadNodeFfi) {
    const ffi = load();
    this.#ffi = ffi;
    this.#library = openProgram((name) => new ffi.DynamicLibrary(name));
    this.#isolate = this.#declare(HOOKS.currentIsolate, 'pointer', [])() as bigint;
    this.#addHook = this.#declare(HOOKS.add, 'void', ['pointer', 'pointer', 'pointer']);
    this.#removeHook = this.#declare(HOOKS.remove, 'void', ['pointer', 'pointer', 'pointer']);
  }

  readonly declare = ((name: string, result: ResultType, parameters: readonly ArgumentType[]) =>
    this.#declare(name, result, parameters)) as Declare;

  #declare(name: string, result: ResultType, parameters: readonly ArgumentType[]): NativeFunction {
    return this.#library.getFunction(name, {
      return: TYPES[result],
      arguments: parameters.map((type) => TYPES[type]),
    });
  }

  addressOfFunction(name: string): bigint {
    return this.#library.getSymbol(name);
  }

  wide(value: number): Wide {
    return BigInt(value);
  }

  addressOf(memory: ArrayBufferLike): bigint {
    return memory.byteLength === 0 ? 0n : this.#ffi.getRawPointer(memory);
  }

  view(address: bigint, byteLength: number): ArrayBuffer {
    return this.#ffi.toArrayBuffer(address, byteLength, false);
  }

  spliceOnThread(from: number, to: number, length: number, flags: number): Promise<number> {
    return this.#workers.splice(from, to, length, flags);
  }

  callAtThreadEnd(address: bigint, argument: bigint): void {
    this.#addHook(this.#isolate, address, argument);
  }

  cancelAtThreadEnd(address: bigint, argument: bigint): void {
    this.#removeHook(this.#isolate, address, argument);
  }
}
