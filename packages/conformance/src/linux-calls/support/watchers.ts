import type { DescriptorWatcher, LinuxCalls, WatchCallback } from '@pageferry/linux';
import { afterEach } from 'vitest';

/** Watchers that a test makes, and that are closed when it ends. */
export interface Watchers {
  /** Expects a watcher. */
  watch(fd: number, events: number, callback: WatchCallback): DescriptorWatcher;
  /** The first event of a fresh watcher, which is closed then. */
  firstEvent(fd: number, events: number): Promise<{ error: number; revents: number }>;
}

/**
 * To be called inside a `describe`, after `useResources`: what is registered later ends earlier, and
 * watchers end before their descriptors.
 */
export function useWatchers(calls: LinuxCalls): Watchers {
  const watchers = new Set<DescriptorWatcher>();
  afterEach(() => {
    for (const watcher of watchers) watcher.close();
    watchers.clear();
  });

  const watch = (fd: number, events: number, callback: WatchCallback): DescriptorWatcher => {
    const watcher = calls.watch(fd, events, callback);
    if (typeof watcher === 'number') throw new Error(`watch answered ${watcher}`);
    watchers.add(watcher);
    return watcher;
  };

  return {
    watch,
    firstEvent: (fd, events) =>
      new Promise((resolve) => {
        const watcher = watch(fd, events, (error, revents) => {
          watcher.close();
          resolve({ error, revents });
        });
      }),
  };
}
