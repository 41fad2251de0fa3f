import type { Driver } from '../drivers/driver.js';

/**
 * Where buffers lie. Asking for an address is a native call, so each buffer is asked for once: its
 * memory does not move. Once it is detached its length is 0, and nobody looks at its address again.
 */
export class Addresses {
  readonly #driver: Driver;
  readonly #known = new WeakMap<ArrayBufferLike, number>();

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  /** The address of the first byte. Addresses of a process fit into a double without loss. */
  of(buffer: ArrayBufferLike): number {
    return this.#known.get(buffer) ?? this.#find(buffer);
  }

  #find(buffer: ArrayBufferLike): number {
    const address = Number(this.#driver.addressOf(buffer));
    this.#known.set(buffer, address);
    return address;
  }
}
