/**
 * Waiting for other processes, and waking them. See {@link LinuxCalls} for the conventions.
 */
export interface WaitingCalls {
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
  /** eventfd(2). */
  eventfd(initialValue: number, flags: number): number;
  /**
   * pidfd_open(2): a descriptor of a process, ready for reading (`POLLIN`) once the process has ended. Always
   * close-on-exec. `-ESRCH` if there is no such process, `-ENOSYS` before Linux 5.3.
   */
  pidfdOpen(pid: number, flags: number): number;
  /**
   * sched_yield(2): lets another thread that wants this processor run first. Whoever polls for a
   * change calls it in between: the thread that will bring the change may be waiting for this very
   * processor.
   */
  schedYield(): number;
  /**
   * membarrier(2). `MEMBARRIER_CMD_QUERY` answers which commands there are, as bits; the other commands that
   * have a constant here answer 0. `-ENOSYS` before Linux 4.3 or where the kernel was built without it,
   * `-EINVAL` for a command that it lacks and for flags that the command does not take.
   */
  membarrier(command: number, flags: number): number;
}
