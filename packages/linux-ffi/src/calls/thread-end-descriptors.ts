import { randomInt } from 'node:crypto';
import type { Driver } from '../drivers/driver.js';

/**
 * The descriptors that are closed when their thread ends, even if it is terminated and none of its
 * JavaScript runs any more: Node itself then calls close(2), by its address.
 */
export class ThreadEndDescriptors {
  readonly #driver: Driver;
  readonly #close: bigint;
  readonly #registered = new Set<number>();
  /**
   * close(2) takes an int, the lower half of the argument. In the upper half goes what tells our
   * registrations from those of another copy of this package: Node aborts if two are equal.
   */
  readonly #tag = BigInt(randomInt(1, 2 ** 31)) << 32n;

  constructor(driver: Driver) {
    this.#driver = driver;
    this.#close = driver.addressOfFunction('close');
  }

  /** From now on `fd` is closed at the end of the thread. */
  add(fd: number): void {
    if (this.#registered.has(fd)) return;
    this.#registered.add(fd);
    this.#driver.callAtThreadEnd(this.#close, this.#argument(fd));
  }

  /** Takes that back. Harmless if there is nothing to take back. */
  remove(fd: number): void {
    if (!this.#registered.delete(fd)) return;
    this.#driver.cancelAtThreadEnd(this.#close, this.#argument(fd));
  }

  #argument(fd: number): bigint {
    return this.#tag | BigInt(fd);
  }
}
