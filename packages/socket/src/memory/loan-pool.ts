import { ByteQuota, type LoanMemory, type Waits } from '@pageferry/core';
import { FRAME_BYTES } from '../protocol/frame.js';
import { BufferPool } from './buffer-pool.js';

/** Memory for one message. */
export interface BufferLoan extends LoanMemory {
  /** The pool's buffer: room for the frame, and then `bytes`. */
  readonly buffer: Buffer<ArrayBuffer>;
  /** Of the bytes, which have none once a program has detached them. */
  readonly byteLength: number;
}

/** Memory for messages, of which so much may be out: of one sender, or of all channels of a listener together. */
export class LoanPool {
  readonly #buffers: BufferPool;
  readonly #quota: ByteQuota;
  readonly #sharers = new Set<Waits>();

  /** @param poolBytes how many bytes of messages may be out. */
  constructor(poolBytes: number) {
    this.#buffers = new BufferPool(poolBytes);
    this.#quota = new ByteQuota(poolBytes);
  }

  /** Bytes that are out. */
  get bytesOut(): number {
    return this.#quota.bytes;
  }

  /** Has {@link wakeSharers} wake these, too: calls that wait for room may be among them. */
  join(waits: Waits): void {
    this.#sharers.add(waits);
  }

  /** Takes back what {@link join} said. */
  leave(waits: Waits): void {
    this.#sharers.delete(waits);
  }

  /** There may be room: has all who share the pool look again. */
  wakeSharers(): void {
    for (const waits of this.#sharers) if (waits.parked > 0) waits.wake();
  }

  /**
   * Memory for a message of `byteLength` bytes, or `undefined` while there is no room.
   *
   * @throws `SYSTEM_CALL_FAILED` when memory is short.
   */
  allocate(byteLength: number): BufferLoan | undefined {
    if (!this.#quota.hasRoomFor(byteLength)) return undefined;
    const buffer = this.#buffers.take(FRAME_BYTES + byteLength);
    this.#quota.add(byteLength);
    const bytes = buffer.subarray(FRAME_BYTES, FRAME_BYTES + byteLength);
    return { bytes, byteLength, buffer };
  }

  /**
   * Takes memory back.
   *
   * @param reusable false if somebody may still use it: then it is left to the garbage collector.
   */
  takeBack({ byteLength, buffer }: BufferLoan, reusable: boolean): void {
    this.#quota.remove(byteLength);
    if (reusable) this.#buffers.giveBack(buffer);
  }

  /** Lets go of everything that is kept to be lent again. */
  clear(): void {
    this.#buffers.clear();
  }
}
