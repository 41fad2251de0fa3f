/** How a C function takes an argument: `wide` has 64 bits (`size_t`, `off_t`), the others 32. */
export type ArgumentType = 'int' | 'uint' | 'wide' | 'pointer';

/** What a C function returns. */
export type ResultType = 'int' | 'wide' | 'pointer' | 'void';

/** An integer of 64 bits, as the driver passes it. */
export type Wide = number | bigint;

/**
 * A C function as JavaScript calls it. Integers of 32 bits are numbers, addresses are BigInts, and
 * what has 64 bits is what {@link Driver.wide} makes of a number.
 */
export type NativeFunction<Result extends Wide | undefined = Wide | undefined> = (
  ...values: readonly Wide[]
) => Result;

/** Declares a native function; what it returns follows from `result`. */
export interface Declare {
  (name: string, result: 'int', parameters: readonly ArgumentType[]): NativeFunction<number>;
  (name: string, result: 'wide', parameters: readonly ArgumentType[]): NativeFunction<Wide>;
  (name: string, result: 'pointer', parameters: readonly ArgumentType[]): NativeFunction<bigint>;
  (name: string, result: 'void', parameters: readonly ArgumentType[]): NativeFunction<undefined>;
}

/**
 * What the system calls need of a foreign function interface. Everything that differs between koffi
 * and node:ffi is behind it; the system calls themselves are written once.
 *
 * One for each thread: nothing in it may cross to another.
 */
export interface Driver {
  /** Name of the binding that it makes: see `LinuxCalls.binding`. */
  readonly binding: string;
  /**
   * A function of the C library, or of Node itself. May be called once for each name.
   *
   * @throws what the library throws if there is no such function.
   */
  readonly declare: Declare;
  /** The address of a function. */
  addressOfFunction(name: string): bigint;
  /** A number up to 2^53 as an argument of 64 bits. */
  wide(value: number): Wide;
  /** The address of memory that JavaScript owns; 0 where it has none (detached, or empty). */
  addressOf(memory: ArrayBufferLike): bigint;
  /**
   * An ArrayBuffer over memory that is not JavaScript's. It owns nothing: whoever made it must detach
   * it before the memory ends.
   */
  view(address: bigint, byteLength: number): ArrayBuffer;
  /** splice(2) on another thread, repeated when interrupted: the result, or `-errno`. */
  spliceOnThread(from: number, to: number, length: number, flags: number): Promise<number>;
  /**
   * Has the C function at `address` called with `argument` when the thread's environment ends, also
   * when a worker is terminated and no JavaScript runs any more. A pair may be added once.
   */
  callAtThreadEnd(address: bigint, argument: bigint): void;
  /** Takes that back. */
  cancelAtThreadEnd(address: bigint, argument: bigint): void;
}
