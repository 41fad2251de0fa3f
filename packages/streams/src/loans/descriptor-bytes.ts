import { read } from 'node:fs';
import { promisify } from 'node:util';
import { fileCallFailed, type Loan, onAbort, retryWithBackoff } from '@pageferry/core';
import type { ByteFiller } from './loan-from.js';

const readOnce = promisify(read);

/** libuv's largest read. */
const LARGEST = 0x7fffffff;

/** What an earlier call has read out of this object's descriptor before it was given up. */
const kept = new WeakMap<object, Uint8Array>();

/** Reads out of a descriptor, straight into the loan, on libuv's thread pool. */
export class DescriptorBytes implements ByteFiller {
  readonly #fd: number;
  readonly #owner: object | undefined;
  #reading: Promise<unknown> | undefined;

  /** @param owner what holds the descriptor, by which kept bytes are found again. */
  constructor(fd: number, owner: object | undefined) {
    this.#fd = fd;
    this.#owner = owner;
  }

  get idle(): Promise<void> {
    return Promise.resolve(this.#reading).then(
      () => undefined,
      () => undefined,
    );
  }

  async fill(loan: Loan, signal: AbortSignal | undefined): Promise<number> {
    const reading = this.#fill(loan, signal);
    this.#reading = reading;
    if (signal === undefined) return await reading;
    // A read of a pipe in which nothing comes would have the abort wait for ever: it goes on alone.
    let forget: () => void = () => undefined;
    const aborted = new Promise<never>((_, reject) => {
      forget = onAbort(signal, () => reject(signal.reason));
    });
    try {
      return await Promise.race([reading, aborted]);
    } finally {
      forget();
      reading.catch(() => undefined);
    }
  }

  async #fill(loan: Loan, signal: AbortSignal | undefined): Promise<number> {
    const { bytes, byteLength } = loan;
    let count = this.#takeKept(bytes);
    try {
      while (count < byteLength) {
        if (signal?.aborted) throw signal.reason;
        const more = await retryWithBackoff(() => this.#readSome(bytes, count), signal);
        if (more === 0) return count;
        count += more;
      }
      // Who has given up does not take the loan.
      if (signal?.aborted) throw signal.reason;
      return count;
    } catch (error) {
      if (this.#owner !== undefined && count > 0) {
        // Beside what lies there already, if the call has not got so far.
        this.#keep(bytes.slice(0, count));
      }
      throw signal?.aborted ? signal.reason : fileCallFailed(error, 'read', count);
    }
  }

  /** Reads what is there; `undefined` if a non-blocking descriptor has nothing now. */
  async #readSome(bytes: Uint8Array, from: number): Promise<number | undefined> {
    const length = Math.min(bytes.length - from, LARGEST);
    try {
      return (await readOnce(this.#fd, bytes, from, length, null)).bytesRead;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
  }

  #takeKept(bytes: Uint8Array): number {
    const earlier = this.#owner && kept.get(this.#owner);
    if (this.#owner === undefined || earlier === undefined) return 0;
    kept.delete(this.#owner);
    const count = Math.min(earlier.length, bytes.length);
    bytes.set(earlier.subarray(0, count));
    if (count < earlier.length) this.#keep(earlier.subarray(count));
    return count;
  }

  #keep(bytes: Uint8Array): void {
    const owner = this.#owner as object;
    const behind = kept.get(owner);
    kept.set(owner, behind === undefined ? bytes : Buffer.concat([bytes, behind]));
  }
}
