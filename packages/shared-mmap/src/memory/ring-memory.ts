import { openWords, senderMisbehaved } from '@pageferry/connection';
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
} from '@pageferry/linux';
import { RING, RING_MAGIC, ringByteLength } from '../layout.js';

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
    const { mapping, capacity } = openWords(calls, fd.fd, {
      magic: RING_MAGIC,
      byteLength: ringByteLength,
      protection: PROT_READ,
      misbehaved,
    });
    return new RingMemory(mapping, capacity);
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
