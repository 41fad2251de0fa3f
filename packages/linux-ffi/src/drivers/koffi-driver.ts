import { EINTR, EIO } from '@pageferry/linux';
import { takeOver } from '../memory/detach.js';
import { openProgram } from './c-library.js';
import type { ArgumentType, Declare, Driver, NativeFunction, ResultType, Wide } from './driver.js';
import { type Koffi, type KoffiLibrary, loadKoffi } from './koffi.js';
import { LimitedQueue } from './limited-queue.js';

/** koffi's names. It has none for `ssize_t` and `off_t`. */
const TYPES: Readonly<Record<ArgumentType | ResultType, string>> = {
  int: 'int',
  uint: 'unsigned int',
  wide: 'int64_t',
  pointer: 'void *',
  void: 'void',
};

/**
 * How many asynchronous calls are handed to koffi at once. It throws above 256 for each thread, other
 * users of it included; libuv's pool carries out four at a time unless told otherwise.
 */
const MAX_ASYNCHRONOUS_CALLS = 128;

/** `napi_status`. */
const NAPI_INVALID_ARG = 1;

type Splice = NativeFunction & {
  async(...values: [...Wide[], (error: Error | null, answer: number) => void]): void;
};

/** The driver over koffi. */
export class KoffiDriver implements Driver {
  readonly binding = 'koffi';
  readonly #koffi: Koffi;
  readonly #library: KoffiLibrary;
  readonly #splices: LimitedQueue;
  readonly #splice: Splice;
  readonly #addHook: NativeFunction;
  readonly #removeHook: NativeFunction;
  readonly #getDate: NativeFunction<number>;

  /** @throws whatever koffi throws when it cannot be loaded, or finds no C library. */
  constructor(load: () => Koffi = loadKoffi) {
    this.#koffi = load();
    this.#library = openProgram((name) => this.#koffi.load(name));
    this.#splices = new LimitedQueue(MAX_ASYNCHRONOUS_CALLS);
    this.#splice = this.declare('splice', 'int', [
      'int',
      'pointer',
      'int',
      'pointer',
      'wide',
      'uint',
    ]) as unknown as Splice;
    // Node-API is C, and its binary interface is stable; koffi brings an environment along.
    this.#addHook = this.#declare('napi_add_env_cleanup_hook', 'int', [
      'pointer',
      'pointer',
      'wide',
    ]);
    this.#removeHook = this.#declare('napi_remove_env_cleanup_hook', 'int', [
      'pointer',
      'pointer',
      'wide',
    ]);
    this.#getDate = this.declare('napi_get_date_value', 'int', ['pointer', 'pointer', 'pointer']);
  }

  readonly declare = ((name: string, result: ResultType, parameters: readonly ArgumentType[]) =>
    this.#declare(name, result, parameters)) as Declare;

  #declare(name: string, result: ResultType, parameters: readonly ArgumentType[]): NativeFunction {
    return this.#library.func(
      name,
      TYPES[result],
      parameters.map((type) => TYPES[type]),
    ) as NativeFunction;
  }

  addressOfFunction(name: string): bigint {
    return this.#library.symbol(name) as bigint;
  }

  wide(value: number): Wide {
    return value;
  }

  addressOf(memory: ArrayBufferLike): bigint {
    return this.#koffi.address(memory);
  }

  /**
   * @throws if the thread is being terminated. koffi would throw then too, but from native code, where
   *   Node-API ends the process because nothing can be thrown any more.
   */
  view(address: bigint, byteLength: number): ArrayBuffer {
    if (this.#isTerminating()) throw new Error('this thread is being terminated');
    return takeOver(this.#koffi.view(address, byteLength));
  }

  /**
   * Asks for the date in no object at all: Node-API first looks whether the thread may still call into
   * JavaScript, and complains about the arguments after that (`NAPI_PREAMBLE` in js_native_api_v8.h).
   */
  #isTerminating(): boolean {
    return this.#getDate(this.#koffi.node.env as unknown as bigint, 0n, 0n) !== NAPI_INVALID_ARG;
  }

  async spliceOnThread(from: number, to: number, length: number, flags: number): Promise<number> {
    for (;;) {
      const result = await this.#splices.add((settle) => {
        this.#splice.async(from, 0n, to, 0n, length, flags, (error, answer) => {
          // Nobody would catch what is thrown here.
          if (error) settle(-EIO);
          // Of this call only here: koffi puts it into place for the callback.
          else settle(answer === -1 ? -this.#koffi.errno() : answer);
        });
      });
      if (result !== -EINTR) return result;
    }
  }

  callAtThreadEnd(address: bigint, argument: bigint): void {
    this.#addHook(this.#koffi.node.env as unknown as bigint, address, argument);
  }

  cancelAtThreadEnd(address: bigint, argument: bigint): void {
    this.#removeHook(this.#koffi.node.env as unknown as bigint, address, argument);
  }
}
