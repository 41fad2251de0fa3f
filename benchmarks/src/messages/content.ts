import { asBuffer } from '../peers/workload-peer.js';
import type { Picture } from './workload.js';

/** What one side of a trip computes: it is the same work on each way, and counted apart. */
export class Content {
  /** By length. */
  readonly #expected = new Map<number, Buffer>();

  /**
   * Checks every byte of an object.
   *
   * @param byteLength how long its buffer has to be.
   * @returns how many nanoseconds that took.
   */
  check({ meta, pixels }: Picture, number: number, byteLength: number): number {
    const begin = performance.now();
    const expected = this.#expectedOf(byteLength);
    // Filling anew what is there already costs as much as checking.
    if (expected[0] !== number) expected.fill(number);
    if (meta.number !== number || !asBuffer(pixels).equals(expected)) {
      throw new Error('the bytes are not what was sent');
    }
    return (performance.now() - begin) * 1e6;
  }

  /**
   * Writes every byte of an object.
   *
   * @returns how many nanoseconds that took.
   */
  fill(pixels: Uint8Array, number: number): number {
    const begin = performance.now();
    pixels.fill(number);
    return (performance.now() - begin) * 1e6;
  }

  #expectedOf(byteLength: number): Buffer {
    const expected = this.#expected.get(byteLength) ?? Buffer.alloc(byteLength);
    this.#expected.set(byteLength, expected);
    return expected;
  }
}

/** The number of the answer to a question. */
export function answerNumber(number: number): number {
  return (number + 1) % 256;
}
