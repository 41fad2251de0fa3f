import type { CopyPastCache } from '@pageferry/core';
import type { FileCalls } from './file-calls.js';
import type { MemoryCalls } from './memory-calls.js';
import type { PipeCalls } from './pipe-calls.js';
import type { DescriptorWatcher, WatchCallback } from './watcher.js';

/** Memory that any thread of a process may see. */
export interface ThreadAlias {
  /** Part of a mapping: the same bytes for whoever has it, on any thread. */
  readonly memory: SharedArrayBuffer;
  /**
   * One 32-bit word: how many threads are not done with it, 1 at first. Whoever brings it to 0 rings the bell. The binding does
   * both when no thread has `memory` any more.
   */
  readonly holds: SharedArrayBuffer;
}

/**
 * What a binding does beside the system calls: for the event loop, the threads and the buffers of the
 * JavaScript runtime. See {@link LinuxCalls} for the conventions.
 */
export interface RuntimeServices {
  /**
   * Calls `callback` on this thread's event loop whenever `fd` is ready for `events`, level-
   * triggered, until the watcher is closed. One watcher per descriptor and thread at a time.
   *
   * The mode of the descriptor stays as it is. The events are those of poll(2): a reader that is gone
   * is `POLLERR`, not an error.
   *
   * A watcher has a second descriptor of the same file, unless it `owns` this one: then it closes it with itself, and
   * nobody else may.
   *
   * Returns `-errno` where the kernel cannot watch the descriptor (`EPERM` for regular files,
   * `EEXIST` if it is watched already); then it stays the caller's.
   */
  watch(
    fd: number,
    events: number,
    callback: WatchCallback,
    owns?: boolean,
  ): DescriptorWatcher | number;
  /** As {@link PipeCalls.splice}, on libuv's thread pool, for destinations that can block. Never rejects. */
  spliceOnThread(fromFd: number, toFd: number, length: number, flags: number): Promise<number>;
  /** As {@link FileCalls.write}, on libuv's thread pool, for destinations that can block. Never rejects. */
  writeOnThread(fd: number, bytes: Uint8Array, offset: number, length: number): Promise<number>;
  /**
   * Has `fd` closed when this thread ends, unless {@link FileCalls.close} has done that before: Node stops a
   * worker thread without running its code, and a peer would wait for ever. `on` false takes it back,
   * for a descriptor that somebody else owns from now on.
   */
  closeAtThreadEnd(fd: number, on: boolean): number;
  /**
   * The address of `buffer` in this process, for diagnostics and alignment only. 0 once detached.
   */
  addressOf(buffer: ArrayBuffer): bigint;
  /**
   * A second ArrayBuffer over `byteLength` bytes of a mapping, for a program to see: it may outlive the
   * mapping (see {@link MemoryCalls.munmap}), and it can be taken away while the mapping stays (see
   * {@link detach}). There may be any number of them, one over the other. `-EINVAL` for anything but a live mapping
   * and a range within it.
   *
   * A binding that ends mappings by itself leaves one mapped as long as it has aliases.
   */
  alias(buffer: ArrayBuffer, offset: number, byteLength: number): ArrayBuffer | number;
  /**
   * Detaches an alias: it and all its views have length 0 from now on, and the memory stays as it is.
   * `-EINVAL` for anything but an alias, and for one that is detached already; `-EBUSY` if the program
   * forbids it (`markAsUntransferable`).
   */
  detach(buffer: ArrayBuffer): number;
  /**
   * Copies bytes, and leaves the processor's caches to what is in them already: the target is not read into them before it
   * is written, which is a third of the traffic of a copy that no cache can hold. Who reads the target next gets it from
   * memory. The ranges may overlap.
   *
   * 0; `-EINVAL` if they differ in length; `-ENOSYS` from a binding, or on a processor, that has no other way than
   * `target.set`.
   */
  copyPastCache(...copy: Parameters<CopyPastCache>): number;
  /**
   * The descriptor of the eventfd(2) that is rung when other threads are done with a part of the memory that
   * {@link threadAlias} has shown them: made at the first call, non-blocking, and the binding's. It is open until the
   * mapping is gone, and no thread has such a part any more. `-EINVAL` for anything but a live mapping; before that
   * `-ENOSYS` from a binding, or on a runtime, that cannot.
   */
  threadBell(buffer: ArrayBuffer): number;
  /**
   * As {@link alias}, for other threads of this process: a `SharedArrayBuffer`, which `postMessage` takes to any number of
   * them without a copy, and which cannot be detached. There may be any number of them, one over the other, also empty ones.
   *
   * What it shows is what the mapping shows. When that ends, with this thread or before, the addresses stay as with an alias,
   * until no thread has the buffer any more. Where the thread ends, private pages keep what is held. `-EINVAL` for anything but a
   * live mapping and a range within it; before that `-ENOSYS` from a binding, or on a runtime, that cannot.
   *
   * @param bellOf a live mapping whose {@link threadBell} is rung.
   */
  threadAlias(
    buffer: ArrayBuffer,
    offset: number,
    byteLength: number,
    bellOf: ArrayBuffer,
  ): ThreadAlias | number;
  /**
   * As {@link MemoryCalls.munmap}, but what a program has seen through an {@link alias} stays mapped, as it
   * is, until the last alias is garbage: for memory that nobody else writes to. Without an alias it ends at
   * once.
   */
  munmapLater(buffer: ArrayBuffer): number;
  /**
   * Maps other memory over the first `byteLength` bytes of a mapping made by {@link MemoryCalls.mmap}, as
   * mmap(2) maps it: buffers over it stay, and show it. In one step: whoever reads meanwhile finds the old
   * pages or the new ones. 0, or `-errno`, and nothing has changed; `-EINVAL` for anything but a live
   * mapping, `-EFAULT` for more than it has.
   */
  remap(
    buffer: ArrayBuffer,
    byteLength: number,
    protection: number,
    flags: number,
    fd: number,
  ): number;
  /**
   * Has a write to a read-only mapping explained: JavaScript has no read-only arrays, so such a write
   * ends the process with SIGSEGV, and tells nothing of where it went. From now on it ends the process
   * just the same, but prints a line on standard error before: the address, the number of the message
   * that lies there and which of its bytes was written to, and `text`.
   *
   * Which message lies where is in entries, as a queue has them. They are read when it comes to the worst,
   * and not before: nobody has to tell of a message that comes or goes. Another process may write to them
   * at any moment. Where they overlap, the highest number counts. Those of length 0, and with a number above
   * 2^53 - 1, stand for no message.
   *
   * @param words the 32-bit words of memory with entries in it. They stay the caller's, are kept alive, and
   *   must be neither detached nor unmapped before `buffer` is, or before the next call for it.
   * @param shape how the entries lie there: ten numbers, none of them negative, read at the call and never
   *   again. In this order:
   *   - the index in `words` of the first entry;
   *   - how many entries there are, which may be none;
   *   - how many words there are from one to the next;
   *   - within an entry, the index of the word with the length of the message in bytes, unsigned;
   *   - of the word with its place in the mapping, unsigned;
   *   - how many bytes a unit of place has;
   *   - within an entry, the index of the word with the lower 32 bits of the message's number, unsigned;
   *   - of the word with the upper bits, unsigned;
   *   - of a word with flags;
   *   - a mask: an entry any of whose flags is in it lies in other memory, and is passed over.
   * @param text the advice to print, at most 800 bytes of UTF-8.
   * @returns 0; `-EINVAL` for anything but a live mapping, for a longer text, and for a shape that is none or
   *   reaches outside of `words`; `-ENOSPC` if too many mappings of this process are explained already;
   *   `-ENOSYS` from a binding that cannot. Asked again for the same mapping, the new entries and text take
   *   the place of the old ones.
   */
  explainWrites(buffer: ArrayBuffer, words: Int32Array, shape: Int32Array, text: string): number;
}
