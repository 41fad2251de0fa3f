import type { Driver } from '../drivers/driver.js';
import { NativeBlock } from '../memory/native-block.js';
import type { Errno } from './errno.js';

/** `struct pollfd`: the descriptor, then the events, and the events that hold in the upper half. */
const RECORD_BYTES = 8;

/** poll(2). */
export class Poll {
  readonly #driver: Driver;
  readonly #errno: Errno;
  readonly #poll;
  #records: NativeBlock;

  constructor(driver: Driver, errno: Errno) {
    this.#driver = driver;
    this.#errno = errno;
    this.#poll = driver.declare('poll', 'int', ['pointer', 'wide', 'int']);
    this.#records = new NativeBlock(driver, 8 * RECORD_BYTES);
  }

  /** On one descriptor. Returns the events that hold, 0 when the time is over, or `-errno`. */
  one(fd: number, events: number, timeout: number): number {
    const { words } = this.#records;
    words[0] = fd;
    words[1] = events & 0xffff;
    const call = () => this.#poll(this.#records.pointer, this.#driver.wide(1), timeout);
    // With a limit to the time, repeating would start it over.
    const result = timeout > 0 ? this.#errno.once(call) : this.#errno.repeat(call);
    return result > 0 ? (words[1] as number) >>> 16 : result;
  }

  /** On `count` records, which the kernel's answer is written to. */
  many(entries: Int32Array, count: number, timeout: number): number {
    const wanted = entries.subarray(0, count * 2);
    if (wanted.byteLength > this.#records.bytes.length) {
      this.#records = new NativeBlock(this.#driver, wanted.byteLength);
    }
    const { words, pointer } = this.#records;
    words.set(wanted);
    const call = () => this.#poll(pointer, this.#driver.wide(count), timeout);
    const result = timeout === 0 ? this.#errno.repeat(call) : this.#errno.once(call);
    wanted.set(words.subarray(0, wanted.length));
    return result;
  }
}
