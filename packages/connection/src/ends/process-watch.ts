import { type DescriptorWatcher, type LinuxCalls, POLLIN } from '@pageferry/linux';

/**
 * Watches for the end of a process (pidfd_open(2)). It does not keep this process alive.
 */
export class ProcessWatch {
  readonly #watcher: DescriptorWatcher;

  private constructor(watcher: DescriptorWatcher) {
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
    const fd = calls.pidfdOpen(pid, 0);
    if (fd < 0) return undefined;
    const tell = (error: number): void => {
      watch.close();
      if (error >= 0) onEnd();
    };
    const watcher = calls.watch(fd, POLLIN, tell, true);
    if (typeof watcher === 'number') {
      calls.close(fd);
      return undefined;
    }
    watcher.unref();
    const watch = new ProcessWatch(watcher);
    return watch;
  }

  /** Harmless the second time. */
  close(): void {
    this.#watcher.close();
  }
}
