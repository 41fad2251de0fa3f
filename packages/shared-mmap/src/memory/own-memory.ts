import { dispose } from '@pageferry/core';
import {
  checkResult,
  F_SEAL_WRITE,
  type LinuxCalls,
  type OwnedFd,
  SIZE_SEALS,
} from '@pageferry/linux';
import { GrowingMemory } from './growing-memory.js';
import { alignUp } from './ranges.js';

/**
 * Memory of one message's own, for what the pool has no room for at a stretch. Once it is sealed,
 * nobody can change it any more, this process included; receivers map it.
 */
export class OwnMemory implements Disposable {
  readonly #calls: LinuxCalls;
  readonly #memory: GrowingMemory;
  readonly messageLength: number;
  #sealed = false;

  /** @throws `SYSTEM_CALL_FAILED`. */
  constructor(calls: LinuxCalls, messageLength: number) {
    this.#calls = calls;
    this.messageLength = messageLength;
    const byteLength = alignUp(messageLength, calls.pageSize());
    this.#memory = new GrowingMemory(calls, 'pageferry-message', byteLength);
  }

  /** What to write the message into; gone once it is sealed. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#memory.buffer, 0, this.messageLength);
  }

  /** What it takes up. */
  get byteLength(): number {
    return this.#memory.byteLength;
  }

  /** See {@link GrowingMemory.grow}. */
  grow(exhausted: () => boolean): boolean {
    return this.#memory.grow(this.#memory.byteLength, exhausted);
  }

  /**
   * Ends writing for good (`F_SEAL_WRITE`, fcntl(2)): the mapping goes first, or the kernel refuses.
   *
   * @returns the descriptor to pass to receivers; it stays this one's.
   * @throws `SYSTEM_CALL_FAILED` (`EBUSY`, if a system call still uses the memory).
   */
  seal(): OwnedFd {
    if (!this.#sealed) {
      this.#memory.unmap();
      const seals = SIZE_SEALS | F_SEAL_WRITE;
      checkResult(this.#calls.addSeals(this.#memory.fd.fd, seals), 'fcntl', 'F_ADD_SEALS');
      this.#sealed = true;
    }
    return this.#memory.fd;
  }

  close(): void {
    this.#memory.close();
  }

  [dispose](): void {
    this.close();
  }
}
