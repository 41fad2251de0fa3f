import type { Driver } from '../drivers/driver.js';

/**
 * A piece of memory with a fixed address, for what a system call reads or writes beside the caller's
 * bytes: an iovec, a message header, a pair of descriptors.
 *
 * The memory of an ArrayBuffer is outside of V8's heap and does not move. A typed array that is made
 * by length may lie on the heap, and move. The memory ends with this object.
 */
export class NativeBlock {
  readonly buffer: ArrayBuffer;
  /** Its address. */
  readonly pointer: bigint;
  /** All of it, in bytes and in words of 32 bits. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;

  constructor(driver: Driver, byteLength: number) {
    this.buffer = new ArrayBuffer(byteLength);
    this.pointer = driver.addressOf(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
    this.words = new Int32Array(this.buffer, 0, Math.floor(byteLength / 4));
  }

  /** Writes a number of 64 bits, little-endian, at a multiple of 4 bytes. */
  writeWide(byteOffset: number, value: number): void {
    this.words[byteOffset / 4] = value;
    this.words[byteOffset / 4 + 1] = value / 2 ** 32;
  }
}
