import type { DescriptorWatcher, WatchCallback } from './watcher.js';

/**
 * The Linux system calls that Pageferry's transports are written against: one method per call, and
 * nothing else. Bindings implement it (`@pageferry/linux-napi` is one); transports
 * take any implementation.
 *
 * Conventions, the same for every method:
 *
 * - **Result.** What the call returns, or `-errno` as a negative integer. No method throws for a
 *   failed call. {@link checkResult} turns a negative result into a typed error.
 * - **EINTR.** A binding repeats an interrupted call, but for `poll` that waits for a limited time,
 *   `pollMany` that waits, and `close` (close(2): on Linux the descriptor is gone even then). A poll
 *   that does not wait can be interrupted all the same, by a signal that arrives meanwhile; it is
 *   repeated.
 * - **Memory.** `bytes` with `offset` and `length` names the memory, in bytes. The kernel uses it
 *   only until the method returns, but for `vmsplice`, which see. Offsets and lengths must lie
 *   within `bytes`; a binding answers `-EFAULT` where they do not and touches nothing.
 * - **Descriptors.** Every descriptor that a method creates is close-on-exec.
 * - **Blocking.** Methods that may block do so only if the descriptor is in blocking mode; use
 *   non-blocking descriptors on the event loop. `…OnThread` methods run on libuv's thread pool.
 * - **Out-parameters** are typed arrays that the caller owns, so that no call has to allocate.
 */
export interface LinuxCalls {
  /** Name of the binding: `napi`, `koffi`, `node-ffi`. */
  readonly binding: string;

  /** sysconf(3) `_SC_PAGESIZE`: bytes in a page of memory. */
  pageSize(): number;

  // --- pipes ---------------------------------------------------------------------------------

  /** pipe2(2). Writes the read end to `descriptors[0]` and the write end to `descriptors[1]`. */
  pipe2(descriptors: Int32Array, flags: number): number;
  /**
   * vmsplice(2): appends references to the pages of `bytes[offset, offset + length)` to a pipe.
   * Returns how many bytes were taken, which may be fewer than `length`.
   *
   * The pages belong to the pipe's readers until the last of them has dropped them: what is written
   * to the memory before that is seen by the readers. The pages stay alive even if the memory is
   * unmapped in the meantime.
   */
  vmsplice(fd: number, bytes: Uint8Array, offset: number, length: number, flags: number): number;
  /** splice(2) without offsets. Returns bytes moved; 0 is the end of the input. */
  splice(fromFd: number, toFd: number, length: number, flags: number): number;
  /** As {@link splice}, on libuv's thread pool, for destinations that can block. Never rejects. */
  spliceOnThread(fromFd: number, toFd: number, length: number, flags: number): Promise<number>;
  /** tee(2): duplicates what is in one pipe into another. Returns bytes duplicated. */
  tee(fromFd: number, toFd: number, length: number, flags: number): number;
  /** fcntl(2) `F_GETPIPE_SZ`: capacity of the pipe in bytes. */
  getPipeSize(fd: number): number;
  /** fcntl(2) `F_SETPIPE_SZ`. Returns the capacity that was set, which may be larger. */
  setPipeSize(fd: number, byteLength: number): number;

  // --- plain input and output ----------------------------------------------------------------

  /** read(2). 0 is the end of the input. */
  read(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  /** write(2). */
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  /** As {@link write}, on libuv's thread pool, for destinations that can block. Never rejects. */
  writeOnThread(fd: number, bytes: Uint8Array, offset: number, length: number): Promise<number>;
  /** lseek(2). `position` and the result are bytes, exact up to 2^53. */
  lseek(fd: number, position: number, whence: number): number;
  /**
   * poll(2) on one descriptor. Returns `revents`, or 0 after `timeout` milliseconds; 0 does not wait,
   * -1 waits without a limit. `-EINTR` only where `timeout` is greater than 0: {@link pollNow} is the
   * way to look without waiting.
   */
  poll(fd: number, events: number, timeout: number): number;
  /**
   * poll(2) on several descriptors. `entries` starts with `count` records of two words, as the kernel
   * has them (`struct pollfd`): the descriptor, and `events | revents << 16`. A negative descriptor is
   * passed over. Returns how many have `revents`, or 0 after `timeout` milliseconds (-1: no limit).
   *
   * With a time-out other than 0, a signal ends it with `-EINTR`: the time left is the caller's to
   * reckon. `-EFAULT` for more records than `entries` holds, `-EINVAL` for a negative `count`.
   */
  pollMany(entries: Int32Array, count: number, timeout: number): number;
  /** close(2). */
  close(fd: number): number;
  /**
   * Has `fd` closed when this thread ends, unless {@link close} has done that before: Node stops a
   * worker thread without running its code, and a peer would wait for ever. `on` false takes it back,
   * for a descriptor that somebody else owns from now on.
   */
  closeAtThreadEnd(fd: number, on: boolean): number;
  /** fcntl(2) `F_DUPFD_CLOEXEC`: the lowest free number from `minimum` for the same description. */
  duplicate(fd: number, minimum: number): number;
  /** fcntl(2) `F_GETFL`: access mode and status flags. */
  getStatusFlags(fd: number): number;
  /** fcntl(2) `F_SETFL`. Affects every descriptor that shares the open file description. */
  setStatusFlags(fd: number, flags: number): number;
  /** fstat(2). Writes the fields named by {@link STAT_FIELD} to `status`, which has 6 elements. */
  fstat(fd: number, status: BigInt64Array): number;
  /** fchmod(2). */
  fchmod(fd: number, mode: number): number;
  /** flock(2). */
  flock(fd: number, operation: number): number;

  // --- memory --------------------------------------------------------------------------------

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
   * The buffer stands for the mapping, and shows its first `shown` bytes: all of them unless given. To
   * show a program memory, hand out an {@link alias}: this buffer ends with the mapping. What buffers show
   * counts as V8's external memory.
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
   * What was mapped is let go at once, or, while a call on another thread uses it, as soon as that has
   * ended. But an address that a program has seen through an {@link alias} stays valid: private pages take
   * the place of the old ones, in one step and writable, and aliases keep their length. For a job of
   * Node's thread pool holds the buffer and its address, and not the memory. When the last alias is
   * garbage, a binding that is told of the memory of buffers unmaps them; another empties them, and what
   * is not touched takes up nothing but addresses.
   *
   * @param kept what the private pages show: pairs of offset and length of parts that are copied into
   *   them. Everything else is zero. `-EFAULT` for a part that does not lie within the mapping.
   */
  munmap(buffer: ArrayBuffer, kept?: Float64Array): number;
  /**
   * As {@link munmap}, but what a program has seen through an {@link alias} stays mapped, as it is, until
   * the last alias is garbage: for memory that nobody else writes to. Without an alias it ends at once.
   */
  munmapLater(buffer: ArrayBuffer): number;
  /**
   * Maps other memory over the first `byteLength` bytes of a mapping made by {@link mmap}, as mmap(2) maps
   * it: buffers over it stay, and show it. In one step: whoever reads meanwhile finds the old pages or the
   * new ones. 0, or `-errno`, and nothing has changed; `-EINVAL` for anything but a live mapping, `-EFAULT`
   * for more than it has.
   */
  remap(
    buffer: ArrayBuffer,
    byteLength: number,
    protection: number,
    flags: number,
    fd: number,
  ): number;
  /**
   * madvise(2) on part of a mapping. `offset` must be a multiple of the page size. `-EINVAL` for
   * anything but a live mapping.
   */
  madvise(buffer: ArrayBuffer, offset: number, length: number, advice: number): number;
  /**
   * The address of `buffer` in this process, for diagnostics and alignment only. 0 once detached.
   */
  addressOf(buffer: ArrayBuffer): bigint;
  /**
   * A second ArrayBuffer over `byteLength` bytes of a mapping, for a program to see: it may outlive the
   * mapping (see {@link munmap}), and it can be taken away while the mapping stays (see {@link detach}).
   * There may be any number of them, one over the other. `-EINVAL` for anything but a live mapping and a
   * range within it.
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
   * Has a write to a read-only mapping explained: JavaScript has no read-only arrays, so such a write
   * ends the process with SIGSEGV, and tells nothing of where it went. From now on it ends the process
   * just the same, but prints a line on standard error before: the address, the number of the message
   * that lies there and which of its bytes was written to, and `text`.
   *
   * @param ranges which message lies where: triples of offset and length in the mapping, in bytes, and
   *   number. They stay the caller's, who changes them as messages come and go, and are read when it
   *   comes to the worst. Where they overlap, the highest number counts; a length of 0 stands for no
   *   message. The array is kept alive, and must not be detached.
   * @param text the advice to print, at most 800 bytes of UTF-8.
   * @returns 0; `-EINVAL` for anything but a live mapping, and for a longer text; `-ENOSPC` if too many
   *   mappings of this process are explained already; `-ENOSYS` from a binding that cannot. Asked again
   *   for the same mapping, the new ranges and text take the place of the old ones.
   */
  explainWrites(buffer: ArrayBuffer, ranges: Float64Array, text: string): number;

  // --- waiting and waking --------------------------------------------------------------------

  /**
   * sched_yield(2): lets another thread that wants this processor run first. Whoever polls for a
   * change calls it in between: the thread that will bring the change may be waiting for this very
   * processor.
   */
  schedYield(): number;

  /** eventfd(2). */
  eventfd(initialValue: number, flags: number): number;
  /**
   * pidfd_open(2): a descriptor of a process, ready for reading (`POLLIN`) once the process has ended. Always
   * close-on-exec. `-ESRCH` if there is no such process, `-ENOSYS` before Linux 5.3.
   */
  pidfdOpen(pid: number, flags: number): number;
  /**
   * Calls `callback` on this thread's event loop whenever `fd` is ready for `events`, level-
   * triggered, until the watcher is closed. One watcher per descriptor and thread at a time.
   *
   * The mode of the descriptor stays as it is. The events are those of poll(2): a reader that is gone
   * is `POLLERR`, not an error.
   *
   * Returns `-errno` where the kernel cannot watch the descriptor (`EPERM` for regular files,
   * `EEXIST` if it is watched already).
   */
  watch(fd: number, events: number, callback: WatchCallback): DescriptorWatcher | number;

  // --- Unix sockets --------------------------------------------------------------------------

  /** socket(2). */
  socket(domain: number, type: number, protocol: number): number;
  /** socketpair(2). Writes both ends to `descriptors`. */
  socketpair(domain: number, type: number, protocol: number, descriptors: Int32Array): number;
  /**
   * bind(2) to a path, unix(7). `-ENAMETOOLONG` above 107 bytes of UTF-8, `-EINVAL` for an empty path
   * or one with a NUL byte: those would be abstract sockets, which have no owner.
   */
  bindUnix(fd: number, path: string): number;
  /** connect(2) to a path, unix(7). Paths as with {@link bindUnix}. */
  connectUnix(fd: number, path: string): number;
  /** listen(2). */
  listen(fd: number, backlog: number): number;
  /** accept4(2). */
  accept4(fd: number, flags: number): number;
  /** shutdown(2). */
  shutdown(fd: number, how: number): number;
  /** getsockopt(2) `SO_ERROR`: the pending error as a positive errno, or 0. */
  getSocketError(fd: number): number;
  /** getsockopt(2) `SO_TYPE`: `SOCK_STREAM`, `SOCK_SEQPACKET`, … */
  getSocketType(fd: number): number;
  /** getsockopt(2) `SO_PEERCRED`. Writes pid, uid, gid to `credentials`. */
  getPeerCredentials(fd: number, credentials: Int32Array): number;
  /** setsockopt(2) `SO_PASSCRED`: have the kernel attach credentials to what is received. */
  setPassCredentials(fd: number, on: boolean): number;
  /**
   * sendmsg(2) with `descriptorCount` descriptors attached (`SCM_RIGHTS`, unix(7)). `MSG_NOSIGNAL`
   * is always added. At most {@link MAX_DESCRIPTORS_PER_MESSAGE}, and at least one byte with them:
   * `-EINVAL` otherwise. `-EFAULT` for a count beyond `descriptors`.
   */
  sendmsg(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    descriptors: Int32Array,
    descriptorCount: number,
    flags: number,
  ): number;
  /**
   * recvmsg(2). `MSG_CMSG_CLOEXEC` is always added. Received descriptors go to `descriptors`, and
   * those that do not fit are closed, which sets `MSG_CTRUNC` too. `info` gets the fields named by {@link MESSAGE_FIELD}.
   */
  recvmsg(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    descriptors: Int32Array,
    info: Int32Array,
    flags: number,
  ): number;
}

/** Index of each field that {@link LinuxCalls.fstat} writes. */
export const STAT_FIELD = {
  device: 0,
  inode: 1,
  mode: 2,
  size: 3,
  blockSize: 4,
  specialDevice: 5,
} as const;

/** Index of each field that {@link LinuxCalls.recvmsg} writes into `info` (5 elements). */
export const MESSAGE_FIELD = {
  /** How many descriptors were written. */
  descriptorCount: 0,
  /** `msg_flags`; look for `MSG_CTRUNC` and `MSG_TRUNC`. */
  flags: 1,
  /** Credentials (`SCM_CREDENTIALS`) if `SO_PASSCRED` is on; pid is 0 where there are none. */
  pid: 2,
  uid: 3,
  gid: 4,
} as const;

/** How many descriptors one `sendmsg` may carry. The kernel's limit is 253 (`SCM_MAX_FD`). */
export const MAX_DESCRIPTORS_PER_MESSAGE = 64;
