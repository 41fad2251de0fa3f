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

/** A mapping that is closed with the last of those who use it. */
class SharedMapping {
  readonly #mapping: Mapping;
  #users: number;

  constructor(mapping: Mapping, users: number) {
    this.#mapping = mapping;
    this.#users = users;
  }

  get buffer(): ArrayBuffer {
    return this.#mapping.buffer;
  }

  release(): void {
    if (--this.#users === 0) this.#mapping.close();
  }
}

/**
 * The memory that both ends of a connection share: two queues, counters, and who is parked. It
 * carries no payload.
 */
export class ControlMemory implements Disposable {
  readonly #mapping: SharedMapping;
  #closed = false;
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

  private constructor(
    mapping: SharedMapping,
    part: number,
    capacity: number,
    parkedReceiver: number,
  ) {
    this.#mapping = mapping;
    const byteLength = controlByteLength(capacity);
    this.words = new Int32Array(mapping.buffer, part * byteLength, byteLength / 4);
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
    const { memories, fd } = ControlMemory.#createParts(calls, capacity, index, 1);
    return { memory: memories[0] as ControlMemory, fd };
  }

  /**
   * Makes control memory for both directions of a channel, one behind the other in one memfd: first that of what the
   * listening side sends. See {@link create}. Each is closed on its own.
   */
  static createPair(
    calls: LinuxCalls,
    capacity: number,
  ): { fromListener: ControlMemory; toListener: ControlMemory; fd: OwnedFd } {
    const { memories, fd } = ControlMemory.#createParts(calls, capacity, 0, 2);
    const [fromListener, toListener] = memories as [ControlMemory, ControlMemory];
    return { fromListener, toListener, fd };
  }

  /**
   * Maps control memory that came from a peer, after checking all that it is believed in.
   *
   * @param fd stays the caller's; it may be closed afterwards.
   * @throws `PEER_MISBEHAVED` if it is not what it should be, `SYSTEM_CALL_FAILED`.
   */
  static open(calls: LinuxCalls, fd: number): ControlMemory {
    return ControlMemory.#openParts(calls, fd, 1)[0] as ControlMemory;
  }

  /** As {@link open}, for what {@link createPair} has made. */
  static openPair(
    calls: LinuxCalls,
    fd: number,
  ): { fromListener: ControlMemory; toListener: ControlMemory } {
    const [fromListener, toListener] = ControlMemory.#openParts(calls, fd, 2) as [
      ControlMemory,
      ControlMemory,
    ];
    return { fromListener, toListener };
  }

  /**
   * Unmaps the memory, unless the other direction of a channel still uses it; `words` has length 0 then. Harmless the
   * second time.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#mapping.release();
  }

  [dispose](): void {
    this.close();
  }

  static #createParts(
    calls: LinuxCalls,
    capacity: number,
    index: number,
    count: number,
  ): { readonly memories: readonly ControlMemory[]; readonly fd: OwnedFd } {
    const byteLength = count * controlByteLength(capacity);
    const fd = createSealedMemory(calls, 'pageferry-control', byteLength);
    try {
      const mapping = Mapping.shared(calls, fd.fd, byteLength, PROT_READ | PROT_WRITE);
      const shared = new SharedMapping(mapping, count);
      const parkedReceiver = parkedReceiverWord(index);
      const memories = Array.from({ length: count }, (_, part) => {
        const memory = new ControlMemory(shared, part, capacity, parkedReceiver);
        memory.words[HEADER.version] = PROTOCOL_VERSION;
        memory.words[HEADER.capacity] = capacity;
        memory.words[HEADER.pageSize] = calls.pageSize();
        memory.words[HEADER.parkedReceiver] = parkedReceiver;
        memory.words[HEADER.magic] = CONTROL_MAGIC;
        return memory;
      });
      return { memories, fd };
    } catch (error) {
      fd.close();
      throw error;
    }
  }

  static #openParts(calls: LinuxCalls, fd: number, count: number): readonly ControlMemory[] {
    const { mapping, capacity } = openWords(calls, fd, {
      magic: CONTROL_MAGIC,
      byteLength: (entries) => count * controlByteLength(entries),
      protection: PROT_READ | PROT_WRITE,
      misbehaved,
    });
    try {
      const shared = new SharedMapping(mapping, count);
      return Array.from({ length: count }, (_, part) =>
        ControlMemory.#openPart(calls, shared, part, capacity),
      );
    } catch (error) {
      mapping.close();
      throw error;
    }
  }

  static #openPart(
    calls: LinuxCalls,
    mapping: SharedMapping,
    part: number,
    capacity: number,
  ): ControlMemory {
    const header = new Int32Array(mapping.buffer, part * controlByteLength(capacity));
    if (
      Atomics.load(header, HEADER.magic) !== CONTROL_MAGIC ||
      Atomics.load(header, HEADER.version) !== PROTOCOL_VERSION ||
      Atomics.load(header, HEADER.capacity) !== capacity
    ) {
      throw misbehaved('begins differently for each direction');
    }
    if (Atomics.load(header, HEADER.pageSize) !== calls.pageSize()) {
      throw misbehaved('has another page size');
    }
    const parkedReceiver = Atomics.load(header, HEADER.parkedReceiver);
    const { first, count, words } = PARKED_LINES;
    if (parkedReceiver < first || parkedReceiver >= first + count * words) {
      throw misbehaved('has no place for a receiver that parks');
    }
    return new ControlMemory(mapping, part, capacity, parkedReceiver);
  }
}

function misbehaved(what: string): PageferryError {
  return new PageferryError('PEER_MISBEHAVED', `the control memory of the peer ${what}`);
}
