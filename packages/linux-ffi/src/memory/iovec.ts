import { lieWithin } from '../calls/arguments.js';
import type { Driver } from '../drivers/driver.js';
import { Addresses } from './addresses.js';
import { NativeBlock } from './native-block.js';

/**
 * One `struct iovec` (readv(2)), laid out by hand and used again for each call: an address and a
 * length, 64 bits each.
 *
 * Between `aim` and `release` it refers to the bytes, so that a garbage collection in between (the
 * foreign function interface may allocate) cannot free them.
 */
export class Iovec {
  readonly #block: NativeBlock;
  readonly #addresses: Addresses;
  /** What it points into during a call. Nobody reads it: it is there to be referred to. */
  inUse: Uint8Array | undefined;

  constructor(driver: Driver) {
    this.#block = new NativeBlock(driver, 16);
    this.#addresses = new Addresses(driver);
  }

  /** The address of the structure. */
  get pointer(): bigint {
    return this.#block.pointer;
  }

  /** Points it at part of `bytes`. False, and nothing done, if the part does not lie within. */
  aim(bytes: Uint8Array, offset: number, length: number): boolean {
    const { length: limit } = bytes;
    if (!lieWithin(limit, offset, length)) return false;
    // An empty or detached array has no address to add to.
    const address = limit === 0 ? 0 : this.#addresses.of(bytes.buffer) + bytes.byteOffset + offset;
    this.#block.writeWide(0, address);
    this.#block.writeWide(8, length);
    this.inUse = bytes;
    return true;
  }

  /** To be called after the system call. Returns its result. */
  release(result: number): number {
    this.inUse = undefined;
    return result;
  }
}
