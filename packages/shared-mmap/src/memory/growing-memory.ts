import {
  checkResult,
  createMemoryFile,
  type LinuxCalls,
  MADV_POPULATE_WRITE,
  MAP_SHARED,
  Mapping,
  type OwnedFd,
  PROT_READ,
  PROT_WRITE,
} from '@pageferry/linux';

/** How much is allocated at a stretch: some 50 microseconds' worth. */
const STEP_BYTES = 256 * 1024;

/**
 * A memfd (memfd_create(2)) that is allocated piece by piece, from its beginning: no piece is used
 * before it is there, so a machine without memory is an error here and no SIGBUS later. The whole
 * length is mapped from the start, readable and writable. Descriptor and mapping are the owner's to close.
 */
export class GrowingMemory {
  readonly #calls: LinuxCalls;
  /** Where it is mapped. Show it only as far as it is allocated. */
  readonly mapping: Mapping;
  readonly fd: OwnedFd;
  readonly byteLength: number;
  #allocated = 0;

  /**
   * @param name shows up in `/proc/PID/maps`.
   * @param byteLength a multiple of the page size.
   * @param place where to map it; at addresses of its own unless given. Stays the caller's.
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENOMEM`).
   */
  constructor(calls: LinuxCalls, name: string, byteLength: number, place?: Mapping) {
    this.#calls = calls;
    this.byteLength = byteLength;
    this.fd = createMemoryFile(calls, name);
    try {
      checkResult(calls.ftruncate(this.fd.fd, byteLength), 'ftruncate', `${byteLength} bytes`);
      const protection = PROT_READ | PROT_WRITE;
      place?.showFile(this.fd.fd, byteLength, protection, MAP_SHARED);
      this.mapping = place ?? Mapping.shared(calls, this.fd.fd, byteLength, protection, 'parts');
    } catch (error) {
      this.fd.close();
      throw error;
    }
  }

  /** How many bytes are there, from the beginning. */
  get allocated(): number {
    return this.#allocated;
  }

  /** True if the first `byteLength` bytes are there. */
  has(byteLength: number): boolean {
    return byteLength <= this.#allocated;
  }

  /**
   * Allocates (fallocate(2)) and faults in (madvise(2)) until the first `byteLength` bytes are there,
   * or `exhausted` says that it took long enough.
   *
   * @returns whether they are there.
   * @throws `SYSTEM_CALL_FAILED` (`ENOSPC`, `ENOMEM`).
   */
  grow(byteLength: number, exhausted: () => boolean): boolean {
    while (this.#allocated < byteLength) {
      const step = Math.min(STEP_BYTES, this.byteLength - this.#allocated);
      const context = `${step} bytes of shared memory, after ${this.#allocated}`;
      const result = this.#calls.fallocate(this.fd.fd, 0, this.#allocated, step);
      checkResult(result, 'fallocate', context);
      // Only saves faults later: kernels before 5.14 do not know it.
      this.#calls.madvise(this.mapping.buffer, this.#allocated, step, MADV_POPULATE_WRITE);
      this.#allocated += step;
      if (exhausted()) break;
    }
    return this.has(byteLength);
  }
}
