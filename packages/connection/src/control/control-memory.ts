import { dispose, PageferryError, PROTOCOL_VERSION } from '@pageferry/core';
import {
  createSealedMemory,
  type LinuxCalls,
  Mapping,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';
import {
  CONTROL_MAGIC,
  controlByteLength,
  DELIVERY_WORDS,
  FIRST_ENTRY,
  HEADER,
  PARKED_LINES,
  parkedReceiverWord,
  RECEIVER,
  RETURN_WORDS,
  RETURNS_PER_DELIVERY,
  SENDER,
} from './layout.js';
import { openWords } from './open-words.js';
import type { QueuePlace } from './queue.js';

/**
 * The memory that both ends of a connection share: two queues, counters, and who is parked. It
 * carries no payload.
 */
export class ControlMemory implements Disposable {
  readonly #mapping: Mapping;
  /**
   * All of the memory as 32-bit words; see `layout.ts`. What is waited or competed for needs `Atomics`; the
   * words of an entry are plain (`docs/decisions/0011-entries-are-plain-counters-are-atomic.md`).
   */
  readonly words: Int32Array;
  /** Entries in the delivery queue. */
  readonly capacity: number;
  /** Which word says whether the receiver is parked. */
  readonly parkedReceiver: number;
  /** From the sender: what is under way. */
  readonly deliveries: QueuePlace;
  /** From the receiver: what it is done with. */
  readonly returns: QueuePlace;

  private constructor(mapping: Mapping, capacity: number, parkedReceiver: number) {
    this.#mapping = mapping;
    this.words = new Int32Array(mapping.buffer);
    this.capacity = capacity;
    this.parkedReceiver = parkedReceiver;
    this.deliveries = {
      counter: SENDER.delivered,
      entries: FIRST_ENTRY,
      capacity,
      stride: DELIVERY_WORDS,
    };
    this.returns = {
      counter: RECEIVER.returned,
      entries: FIRST_ENTRY + capacity * DELIVERY_WORDS,
      capacity: capacity * RETURNS_PER_DELIVERY,
      stride: RETURN_WORDS,
    };
  }

  /**
   * Makes control memory for queues of `capacity` entries, a power of two.
   *
   * @param index of the receiver, for {@link parkedReceiverWord}.
   * @returns the memory, and the descriptor to pass to the other side. The caller owns both.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  static create(
    calls: LinuxCalls,
    capacity: number,
    index = 0,
  ): { memory: ControlMemory; fd: OwnedFd } {
    const byteLength = controlByteLength(capacity);
    const fd = createSealedMemory(calls, 'pageferry-control', byteLength);
    try {
      const mapping = Mapping.shared(calls, fd.fd, byteLength, PROT_READ | PROT_WRITE);
      const parkedReceiver = parkedReceiverWord(index);
      const memory = new ControlMemory(mapping, capacity, parkedReceiver);
      memory.words[HEADER.version] = PROTOCOL_VERSION;
      memory.words[HEADER.capacity] = capacity;
      memory.words[HEADER.pageSize] = calls.pageSize();
      memory.words[HEADER.parkedReceiver] = parkedReceiver;
      memory.words[HEADER.magic] = CONTROL_MAGIC;
      return { memory, fd };
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  /**
   * Maps control memory that came from a peer, after checking all that it is believed in.
   *
   * @param fd stays the caller's; it may be closed afterwards.
   * @throws `PEER_MISBEHAVED` if it is not what it should be, `SYSTEM_CALL_FAILED`.
   */
  static open(calls: LinuxCalls, fd: number): ControlMemory {
    const { mapping, capacity } = openWords(calls, fd, {
      magic: CONTROL_MAGIC,
      byteLength: controlByteLength,
      protection: PROT_READ | PROT_WRITE,
      misbehaved,
    });
    try {
      const header = new Int32Array(mapping.buffer);
      if (Atomics.load(header, HEADER.pageSize) !== calls.pageSize()) {
        throw misbehaved('has another page size');
      }
      const parkedReceiver = Atomics.load(header, HEADER.parkedReceiver);
      const { first, count, words } = PARKED_LINES;
      if (parkedReceiver < first || parkedReceiver >= first + count * words) {
        throw misbehaved('has no place for a receiver that parks');
      }
      return new ControlMemory(mapping, capacity, parkedReceiver);
    } catch (error) {
      mapping.close();
      throw error;
    }
  }

  /** Unmaps the memory; `words` has length 0 then. Harmless the second time. */
  close(): void {
    this.#mapping.close();
  }

  [dispose](): void {
    this.close();
  }
}

function misbehaved(what: string): PageferryError {
  return new PageferryError('PEER_MISBEHAVED', `the control memory of the peer ${what}`);
}
