import { dispose, PageferryError } from '@pageferry/core';
import {
  ENOSYS,
  EOPNOTSUPP,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../calls/constants.js';
import { checkResult, systemCallError } from '../calls/errors.js';
import type { LinuxCalls } from '../calls/linux-calls.js';
import type { ThreadAlias } from '../calls/runtime-services.js';
import { createMemoryFile } from './memory-file.js';
import type { OwnedFd } from './owned-fd.js';

const PRIVATE_PAGES = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

/** How much of a mapping its own buffer shows where it only stands for the mapping. */
const TOKEN_BYTES = 1;

/**
 * The one owner of a memory mapping. Closing it lets the memory go. Views of its own buffer have length
 * 0 then; what a program was shown ({@link alias}) keeps its length and its addresses, because a thread
 * of Node may still read there, and shows private pages.
 */
export class Mapping implements Disposable {
  readonly #calls: LinuxCalls;
  /** The mapped memory from its first byte on: all of it, or the first byte alone. */
  readonly buffer: ArrayBuffer;
  readonly #byteLength: number;
  #closed = false;

  private constructor(calls: LinuxCalls, buffer: ArrayBuffer, byteLength: number) {
    this.#calls = calls;
    this.buffer = buffer;
    this.#byteLength = byteLength;
  }

  /**
   * Private zeroed memory (mmap(2), `MAP_PRIVATE | MAP_ANONYMOUS`). Pages come with the first touch.
   *
   * @param flags further flags, for example `MAP_POPULATE`.
   * @param shows how much of it `buffer` shows: with `'parts'` the rest is seen through {@link alias} alone.
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`); `BINDING_UNAVAILABLE` in a runtime that takes no memory but its own.
   */
  static anonymous(
    calls: LinuxCalls,
    byteLength: number,
    flags = 0,
    shows: 'all' | 'parts' = 'all',
  ): Mapping {
    const protection = PROT_READ | PROT_WRITE;
    const all = flags | MAP_PRIVATE | MAP_ANONYMOUS;
    return Mapping.ofFile(calls, -1, byteLength, protection, all, shows);
  }

  /**
   * Memory shared with every other mapping of the same descriptor (`MAP_SHARED`).
   *
   * @param protection `PROT_READ`, or `PROT_READ | PROT_WRITE`.
   * @param shows see {@link anonymous}.
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`, `EPERM` for a sealed file); `BINDING_UNAVAILABLE` in a runtime that takes no memory but its own.
   */
  static shared(
    calls: LinuxCalls,
    fd: number,
    byteLength: number,
    protection: number,
    shows: 'all' | 'parts' = 'all',
  ): Mapping {
    return Mapping.ofFile(calls, fd, byteLength, protection, MAP_SHARED, shows);
  }

  /**
   * Memory that shows a file from its beginning.
   *
   * @param flags `MAP_SHARED` or `MAP_PRIVATE`.
   * @param shows see {@link anonymous}.
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`, `EPERM` for a sealed file); `BINDING_UNAVAILABLE` in a runtime that takes no memory but its own.
   */
  static ofFile(
    calls: LinuxCalls,
    fd: number,
    byteLength: number,
    protection: number,
    flags: number,
    shows: 'all' | 'parts' = 'all',
  ): Mapping {
    const shown = shows === 'all' ? byteLength : TOKEN_BYTES;
    const buffer = calls.mmap(byteLength, protection, flags, fd, 0, shown);
    if (buffer === -EOPNOTSUPP) throw caged();
    if (typeof buffer === 'number') {
      throw systemCallError('mmap', buffer, `${byteLength} bytes`);
    }
    return new Mapping(calls, buffer, byteLength);
  }

  /** Length in bytes; 0 once closed. */
  get byteLength(): number {
    return this.#closed ? 0 : this.#byteLength;
  }

  /**
   * An `ArrayBuffer` over part of the memory, to show to a program.
   *
   * @throws `SYSTEM_CALL_FAILED`, where the binding cannot.
   */
  alias(offset: number, byteLength: number): ArrayBuffer {
    const alias = this.#calls.alias(this.buffer, offset, byteLength);
    if (typeof alias === 'number') throw systemCallError('alias', alias, `${byteLength} bytes`);
    return alias;
  }

  /**
   * What is rung when other threads are done with parts of the memory ({@link threadAlias}): the descriptor of an
   * eventfd, which the binding closes.
   *
   * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`; `ENOSYS` where {@link checkThreadAliases} throws).
   */
  threadBell(): number {
    return checkResult(this.#calls.threadBell(this.buffer), 'eventfd');
  }

  /**
   * Part of the memory, for other threads to see.
   *
   * @param bellOf the mapping whose {@link threadBell} is rung when they are done.
   * @throws `SYSTEM_CALL_FAILED`, where the binding cannot.
   */
  threadAlias(offset: number, byteLength: number, bellOf: Mapping): ThreadAlias {
    const alias = this.#calls.threadAlias(this.buffer, offset, byteLength, bellOf.buffer);
    if (typeof alias === 'number') throw systemCallError('alias', alias, `${byteLength} bytes`);
    return alias;
  }

  /**
   * Maps part of a file over the first `byteLength` bytes, at the same addresses: aliases show it.
   *
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`, `EPERM` for a sealed file), and nothing has changed.
   */
  showFile(fd: number, byteLength: number, protection: number, flags: number): void {
    const result = this.#calls.remap(this.buffer, byteLength, protection, flags, fd);
    checkResult(result, 'mmap', `${byteLength} bytes`);
  }

  /** Lets go of what is mapped, and keeps the addresses: aliases show zeros from now on. */
  showNothing(): void {
    this.#calls.remap(this.buffer, this.#byteLength, PROT_READ | PROT_WRITE, PRIVATE_PAGES, -1);
  }

  /**
   * Lets the memory go (munmap(2)). Harmless the second time.
   *
   * @param kept parts that the program still holds, pairs of offset and length: it goes on seeing their
   *   bytes, in pages of its own.
   */
  close(kept?: readonly number[]): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#calls.munmap(this.buffer, kept && Float64Array.from(kept));
  }

  /**
   * Lets the memory go when nothing refers to an alias any more, and leaves it as it is until then: for
   * memory that nobody else writes to, and that a program still holds. Harmless the second time.
   */
  closeLater(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#calls.munmapLater(this.buffer);
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

/**
 * Passes where memory can be shown to other threads ({@link Mapping.threadAlias}).
 *
 * @param argument what asks for it, for the error.
 * @throws `NOT_SUPPORTED`.
 */
export function checkThreadAliases(calls: LinuxCalls, argument: string): void {
  if (calls.threadBell(new ArrayBuffer(0)) !== -ENOSYS) return;
  throw new PageferryError(
    'NOT_SUPPORTED',
    calls.binding === 'napi'
      ? `Node ${process.versions.node} cannot share memory of ours between threads: ${argument} needs 22.23.3, 24.16, 26.1 or later`
      : `${argument} needs the addon: no other binding can share memory between threads`,
    { argument },
  );
}

/** Buffers over memory that V8 has not allocated cannot be had inside of its memory cage. */
function caged(): PageferryError {
  return new PageferryError(
    'BINDING_UNAVAILABLE',
    'this runtime takes no memory but its own (the memory cage of V8, as in Electron), so that nothing can be shared: ' +
      'use @pageferry/socket here, or a child process that runs plain Node',
  );
}
