import { senderMisbehaved } from '@pageferry/connection';
import { dispose, PROTOCOL_VERSION } from '@pageferry/core';
import {
  checkResult,
  createMemoryFile,
  EINVAL,
  F_SEAL_FUTURE_WRITE,
  type LinuxCalls,
  Mapping,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
  Scope,
  SIZE_SEALS,
  STAT_FIELD,
} from '@pageferry/linux';
import { RING, RING_MAGIC, ringByteLength } from '../layout.js';

/** Largest ring that is believed. */
const MAX_CAPACITY = 1 << 16;

/** Where a sender publishes what all receivers get that must not miss messages. They map it read-only. */
export class RingMemory implements Disposable {
  readonly #mapping: Mapping;
  /** All of it as 32-bit words; see `layout.ts`. */
  readonly words: Int32Array;
  /** How many entries there are; a power of two. */
  readonly capacity: number;

  private constructor(mapping: Mapping, capacity: number) {
    this.#mapping = mapping;
    this.words = new Int32Array(mapping.buffer);
    this.capacity = capacity;
  }

  /**
   * Makes a ring that nobody but this process can write to.
   *
   * @param writable true if receivers are trusted anyway: then a kernel that cannot keep them from writing
   *   (before Linux 5.1) will do.
   * @returns the memory, and the descriptor to pass to receivers. The caller owns both.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  static create(
    calls: LinuxCalls,
    capacity: number,
    writable: boolean,
  ): { readonly memory: RingMemory; readonly fd: OwnedFd } {
    const made = new Scope();
    try {
      const byteLength = ringByteLength(capacity);
      const fd = made.own(createMemoryFile(calls, 'pageferry-ring'));
      checkResult(calls.ftruncate(fd.fd, byteLength), 'ftruncate', 'ring');
      checkResult(calls.fallocate(fd.fd, 0, 0, byteLength), 'fallocate', 'ring');
      const mapping = made.own(Mapping.shared(calls, fd.fd, byteLength, PROT_READ | PROT_WRITE));
      // After this process's own mapping: from now on nobody else can map it writable.
      let sealed = calls.addSeals(fd.fd, SIZE_SEALS | F_SEAL_FUTURE_WRITE);
      if (sealed === -EINVAL && writable) sealed = calls.addSeals(fd.fd, SIZE_SEALS);
      checkResult(sealed, 'fcntl', 'F_ADD_SEALS');
      const memory = new RingMemory(mapping, capacity);
      memory.words[RING.version] = PROTOCOL_VERSION;
      memory.words[RING.capacity] = capacity;
      memory.words[RING.magic] = RING_MAGIC;
      return { memory, fd };
    } catch (error) {
      made[dispose]();
      throw error;
    }
  }

  /**
   * Maps the ring of a sender, after checking all that it is believed in.
   *
   * @param fd stays the caller's; it may be closed afterwards.
   * @throws `PEER_MISBEHAVED` if it is not what it should be, `SYSTEM_CALL_FAILED`.
   */
  static open(calls: LinuxCalls, fd: OwnedFd): RingMemory {
    const status = new BigInt64Array(6);
    checkResult(calls.fstat(fd.fd, status), 'fstat');
    const byteLength = Number(status[STAT_FIELD.size]);
    // Without these seals the sender could shrink the file, and the next access would be a SIGBUS.
    const seals = calls.getSeals(fd.fd);
    if (seals < 0 || (seals & SIZE_SEALS) !== SIZE_SEALS) throw misbehaved('is not sealed');
    if (byteLength < ringByteLength(1) || byteLength > ringByteLength(MAX_CAPACITY)) {
      throw misbehaved(`has ${byteLength} bytes`);
    }
    const mapping = Mapping.shared(calls, fd.fd, byteLength, PROT_READ);
    try {
      const header = new Int32Array(mapping.buffer);
      const capacity = Atomics.load(header, RING.capacity);
      if (Atomics.load(header, RING.magic) !== RING_MAGIC) throw misbehaved('has no magic');
      if (Atomics.load(header, RING.version) !== PROTOCOL_VERSION) {
        throw misbehaved('has another version');
      }
      if (capacity < 1 || (capacity & (capacity - 1)) !== 0) {
        throw misbehaved(`claims ${capacity} entries`);
      }
      if (ringByteLength(capacity) !== byteLength) throw misbehaved('contradicts its size');
      return new RingMemory(mapping, capacity);
    } catch (error) {
      mapping.close();
      throw error;
    }
  }

  /** Unmaps it; `words` has length 0 then. Harmless the second time. */
  close(): void {
    this.#mapping.close();
  }

  [dispose](): void {
    this.close();
  }
}

function misbehaved(what: string): Error {
  return senderMisbehaved(`its ring ${what}`);
}
