import { type DescriptorWatcher, type LinuxCalls, OwnedFd, POLLIN } from '@pageferry/linux';

/**
 * Watches for the end of a process (pidfd_open(2)). It does not keep this process alive.
 */
export class ProcessWatch {
  readonly #fd: OwnedFd;
  readonly #watcher: DescriptorWatcher;

  private constructor(fd: OwnedFd, watcher: DescriptorWatcher) {
    this.#fd = fd;
    this.#watcher = watcher;
  }

  /**
   * `undefined` where there is nothing to watch: before Linux 5.3, in a sandbox, short of descriptors, or if
   * the pid is not known.
   *
   * @param pid as the kernel has named it. If that process has ended by now and the number is another one's,
   *   then that one's end is told.
   * @param onEnd called at most once, on the event loop. Not called if watching fails: that says nothing of
   *   the process.
   */
  static open(
    calls: LinuxCalls,
    pid: number | undefined,
    onEnd: () => void,
  ): ProcessWatch | undefined {
    if (pid === undefined || pid === process.pid) return undefined;
    const number = calls.pidfdOpen(pid, 0);
    if (number < 0) return undefined;
    const fd = new OwnedFd(calls, number);
    const watcher = calls.watch(number, POLLIN, (error) => {
      watch.close();
      if (error >= 0) onEnd();
    });
    if (typeof watcher === 'number') {
      fd.close();
      return undefined;
    }
    watcher.unref();
    const watch = new ProcessWatch(fd, watcher);
    return watch;
  }

  /** Harmless the second time. */
  close(): void {
    this.#watcher.close();
    this.#fd.close();
  }
}
