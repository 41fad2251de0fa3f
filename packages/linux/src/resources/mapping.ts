import { dispose } from '@pageferry/core';
import {
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../calls/constants.js';
import { checkResult, systemCallError } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import { createMemoryFile } from './memory-file.js';
import type { OwnedFd } from './owned-fd.js';

/**
 * The one owner of a memory mapping. Closing it unmaps the memory and detaches every view of it, so
 * that a view that was kept has length 0 rather than a dangling address.
 */
export class Mapping implements Disposable {
  readonly #calls: LinuxCalls;
  /** The mapped memory, from its first byte to its last. */
  readonly buffer: ArrayBuffer;

  private constructor(calls: LinuxCalls, buffer: ArrayBuffer) {
    this.#calls = calls;
    this.buffer = buffer;
  }

  /**
   * Private zeroed memory (mmap(2), `MAP_PRIVATE | MAP_ANONYMOUS`). Pages come with the first touch.
   *
   * @param flags further flags, for example `MAP_POPULATE`.
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`).
   */
  static anonymous(calls: LinuxCalls, byteLength: number, flags = 0): Mapping {
    return Mapping.#map(
      calls,
      byteLength,
      PROT_READ | PROT_WRITE,
      flags | MAP_PRIVATE | MAP_ANONYMOUS,
      -1,
    );
  }

  /**
   * Memory shared with every other mapping of the same descriptor (`MAP_SHARED`).
   *
   * @param protection `PROT_READ`, or `PROT_READ | PROT_WRITE`.
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`, `EPERM` for a sealed file).
   */
  static shared(calls: LinuxCalls, fd: number, byteLength: number, protection: number): Mapping {
    return Mapping.ofFile(calls, fd, byteLength, protection, MAP_SHARED);
  }

  /**
   * Memory that shows a file from its beginning.
   *
   * @param flags `MAP_SHARED` or `MAP_PRIVATE`.
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`, `EPERM` for a sealed file).
   */
  static ofFile(
    calls: LinuxCalls,
    fd: number,
    byteLength: number,
    protection: number,
    flags: number,
  ): Mapping {
    return Mapping.#map(calls, byteLength, protection, flags, fd);
  }

  static #map(
    calls: LinuxCalls,
    byteLength: number,
    protection: number,
    flags: number,
    fd: number,
  ) {
    const buffer = calls.mmap(byteLength, protection, flags, fd, 0);
    if (typeof buffer === 'number') {
      throw systemCallError('mmap', buffer, `${byteLength} bytes`);
    }
    return new Mapping(calls, buffer);
  }

  /** Length in bytes; 0 once closed. */
  get byteLength(): number {
    return this.buffer.byteLength;
  }

  /** Unmaps the memory (munmap(2)). Harmless the second time. */
  close(): void {
    if (this.buffer.byteLength > 0) this.#calls.munmap(this.buffer);
  }

  [dispose](): void {
    this.close();
  }
}

/** Seals that keep a peer from pulling memory away under a mapping, and from being changed. */
export const SIZE_SEALS: number = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

/**
 * Anonymous shared memory of a fixed size (memfd_create(2)), allocated up front: if memory is short
 * this fails now, and no access fails later. Its size is sealed, so whoever maps it can rely on it.
 *
 * @param name shows up in `/proc/PID/maps`.
 * @throws `SYSTEM_CALL_FAILED` (`ENOSPC`, `ENOMEM`, `EMFILE`).
 */
export function createSealedMemory(calls: LinuxCalls, name: string, byteLength: number): OwnedFd {
  const memory = createMemoryFile(calls, name);
  try {
    checkResult(calls.ftruncate(memory.fd, byteLength), 'ftruncate', name);
    checkResult(calls.fallocate(memory.fd, 0, 0, byteLength), 'fallocate', name);
    checkResult(calls.addSeals(memory.fd, SIZE_SEALS), 'fcntl', 'F_ADD_SEALS');
    return memory;
  } catch (error) {
    memory.close();
    throw error;
  }
}
