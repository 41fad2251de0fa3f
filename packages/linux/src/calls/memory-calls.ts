import type { RuntimeServices } from './runtime-services.js';

/**
 * Memory files and mappings. A mapping has an `ArrayBuffer` that stands for it. See {@link LinuxCalls} for the
 * conventions.
 */
export interface MemoryCalls {
  /** sysconf(3) `_SC_PAGESIZE`: bytes in a page of memory. */
  pageSize(): number;
  /** memfd_create(2). `MFD_CLOEXEC` is always added. */
  memfdCreate(name: string, flags: number): number;
  /** ftruncate(2). `byteLength` is exact up to 2^53. */
  ftruncate(fd: number, byteLength: number): number;
  /** fallocate(2). */
  fallocate(fd: number, mode: number, offset: number, byteLength: number): number;
  /** fcntl(2) `F_GET_SEALS`. */
  getSeals(fd: number): number;
  /** fcntl(2) `F_ADD_SEALS`. */
  addSeals(fd: number, seals: number): number;
  /**
   * mmap(2) at an address of the kernel's choice. Pass -1 as `fd` for anonymous memory.
   *
   * The buffer stands for the mapping, and shows its first `shown` bytes: all of them unless given. To show a
   * program memory, hand out an {@link RuntimeServices.alias}: this buffer ends with the mapping. What
   * buffers show counts as V8's external memory.
   *
   * The mapping ends with {@link munmap}; a binding that can also ends it when the buffer is
   * garbage-collected or its thread ends.
   */
  mmap(
    byteLength: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
    shown?: number,
  ): ArrayBuffer | number;
  /**
   * Ends a whole mapping made by {@link mmap}. Detaches `buffer` first, so that views of it that are
   * still held have length 0 and no address. `-EINVAL` if it is not a live mapping, `-EBUSY` if the
   * program forbids to detach the buffer (`markAsUntransferable`).
   *
   * What was mapped is let go at once, or, while a call on another thread uses it, as soon as that has ended.
   * But an address that a program has seen through an {@link RuntimeServices.alias} stays valid: private
   * pages take the place of the old ones, in one step and writable, and aliases keep their length. For a job
   * of Node's thread pool holds the buffer and its address, and not the memory. When the last alias is
   * garbage, a binding that is told of the memory of buffers unmaps them; another empties them, and what is
   * not touched takes up nothing but addresses.
   *
   * @param kept what the private pages show: pairs of offset and length of parts that are copied into
   *   them. Everything else is zero. `-EFAULT` for a part that does not lie within the mapping.
   */
  munmap(buffer: ArrayBuffer, kept?: Float64Array): number;
  /**
   * madvise(2) on part of a mapping. `offset` must be a multiple of the page size. `-EINVAL` for
   * anything but a live mapping.
   */
  madvise(buffer: ArrayBuffer, offset: number, length: number, advice: number): number;
}
