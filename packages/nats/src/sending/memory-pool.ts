import { BufferPool, ByteQuota } from '@pageferry/core';
import type { NatsMemory } from './outgoing.js';

/** Buffers for messages, of which so much may be out. */
export class MemoryPool {
  readonly #buffers: BufferPool;
  readonly #quota: ByteQuota;

  /** @param poolBytes how many bytes of messages may be out. */
  constructor(poolBytes: number) {
    this.#buffers = new BufferPool(poolBytes);
    this.#quota = new ByteQuota(poolBytes);
  }

  /** Bytes that are out. */
  get bytesOut(): number {
    return this.#quota.bytes;
  }

  /**
   * Memory for a message of `byteLength` bytes, or `undefined` while there is no room.
   *
   * @throws `SYSTEM_CALL_FAILED` when memory is short.
   */
  allocate(byteLength: number): NatsMemory | undefined {
    if (!this.#quota.hasRoomFor(byteLength)) return undefined;
    // Never none: that memory was taken over is told by its length.
    const buffer = this.#buffers.take(Math.max(byteLength, 1));
    this.#quota.add(byteLength);
    return { buffer, bytes: buffer.subarray(0, byteLength), byteLength };
  }

  /** Takes memory back that nobody reads or writes any more. */
  free({ buffer, byteLength }: NatsMemory): void {
    this.#quota.remove(byteLength);
    this.#buffers.giveBack(buffer);
  }

  /** Memory is not out any more, but lost. */
  forget({ byteLength }: NatsMemory): void {
    this.#quota.remove(byteLength);
  }

  /** Lets go of everything that is kept. */
  clear(): void {
    this.#buffers.clear();
  }
}
