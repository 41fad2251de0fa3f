import { BufferPool, ByteQuota, type Lender, type LoanMemory, type Waits } from '@pageferry/core';
import { FRAME_BYTES } from '../protocol/frame.js';

/** A buffer that is out: on loan, under way, or kept. */
export interface PooledBuffer {
  /** Room for a frame, and then for `byteLength` bytes. */
  readonly buffer: Buffer<ArrayBuffer>;
  readonly byteLength: number;
  /** True while the message may have to be sent again. */
  isKept: boolean;
  /** True once it came back while it was kept. */
  hasReturned: boolean;
  /** False if somebody may still use it when it comes back: then it is left to the garbage collector. */
  isReusable: boolean;
}

/** Memory for one message. */
export interface BufferLoan extends LoanMemory {
  bytes: Buffer<ArrayBuffer>;
  memory: PooledBuffer;
}

/** Memory for messages, of which so much may be out: of one sender, or of all channels of a listener together. */
export class LoanPool implements Lender<BufferLoan> {
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

  settle(): void {
    // What comes back is noted at once.
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
    const memory = this.#take(byteLength);
    return { bytes: payloadOf(memory, byteLength), memory };
  }

  /** Takes memory back that was not sent. */
  free({ memory }: BufferLoan): void {
    this.#giveBack(memory);
    this.wakeSharers();
  }

  /** Ends a loan of which the program may have kept views, and need not know that it has ended. */
  abandon({ memory }: BufferLoan): void {
    memory.isReusable = false;
    this.#giveBack(memory);
  }

  /** Takes memory back that was sent. Nobody is woken. */
  takeBack(memory: PooledBuffer, isReusable: boolean): void {
    if (!isReusable) memory.isReusable = false;
    if (memory.isKept) memory.hasReturned = true;
    else this.#giveBack(memory);
  }

  keep({ memory }: BufferLoan): void {
    memory.isKept = true;
  }

  letGo({ memory }: BufferLoan): void {
    memory.isKept = false;
    if (!memory.hasReturned) return;
    this.#giveBack(memory);
    this.wakeSharers();
  }

  /** @throws `SYSTEM_CALL_FAILED` when memory is short. */
  lendAgain(loan: BufferLoan, byteLength: number): void {
    const { memory } = loan;
    const { buffer, hasReturned, isReusable } = memory;
    // Without its bytes it is lent as it is: whoever looks is told.
    if (buffer.length === 0) return;
    if (hasReturned && isReusable) {
      memory.hasReturned = false;
    } else {
      // A socket may have to write what the program may change from now on.
      loan.memory = this.#take(byteLength);
      buffer.copy(loan.memory.buffer, FRAME_BYTES, FRAME_BYTES, FRAME_BYTES + byteLength);
      this.letGo({ bytes: loan.bytes, memory });
    }
    loan.bytes = payloadOf(loan.memory, byteLength);
  }

  /** Lets go of everything that is kept to be lent again. */
  clear(): void {
    this.#buffers.clear();
  }

  #take(byteLength: number): PooledBuffer {
    const buffer = this.#buffers.take(FRAME_BYTES + byteLength);
    this.#quota.add(byteLength);
    return { buffer, byteLength, isKept: false, hasReturned: false, isReusable: true };
  }

  #giveBack({ buffer, byteLength, isReusable }: PooledBuffer): void {
    this.#quota.remove(byteLength);
    if (isReusable) this.#buffers.giveBack(buffer);
  }
}

function payloadOf({ buffer }: PooledBuffer, byteLength: number): Buffer<ArrayBuffer> {
  return buffer.subarray(FRAME_BYTES, FRAME_BYTES + byteLength);
}
