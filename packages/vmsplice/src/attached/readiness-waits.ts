import { AdaptiveWaits } from '@pageferry/connection';
import type { LoopBudget } from '@pageferry/core';
import { dispose } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  OwnedFd,
  systemCallError,
} from '@pageferry/linux';

/** What {@link ReadinessWaits} needs. */
export interface ReadinessWaitsSettings {
  readonly calls: LinuxCalls;
  /** The descriptor to watch; it stays the caller's. */
  readonly fd: number;
  /** The events that can make a condition true. */
  readonly events: number;
  readonly budget: LoopBudget;
  readonly spinMicroseconds: number;
}

/**
 * Adaptive waiting where the other side is a foreign program, which rings no bell: the kernel tells
 * when the descriptor is ready.
 */
export class ReadinessWaits implements Disposable {
  readonly waits: AdaptiveWaits;
  /** A duplicate, because Node or another wait may watch the original. */
  readonly #watched: OwnedFd;
  readonly #watcher: DescriptorWatcher;

  /** @throws `SYSTEM_CALL_FAILED`, with `EPERM` for a file that is always ready. */
  constructor({ calls, fd, events, budget, spinMicroseconds }: ReadinessWaitsSettings) {
    this.#watched = OwnedFd.duplicateOf(calls, fd);
    const watcher = calls.watch(this.#watched.fd, 0, (error) => {
      // Level-triggered: silent until somebody waits again.
      this.#watcher.update(0);
      if (error < 0) this.waits.fail(systemCallError('epoll_wait', error));
      else this.waits.wake();
    });
    if (typeof watcher === 'number') {
      this.#watched.close();
      throw systemCallError('epoll_ctl', watcher);
    }
    this.#watcher = watcher;
    this.waits = new AdaptiveWaits({
      calls,
      budget,
      spinMicroseconds,
      arm: () => {
        const armed = this.#watcher.update(events);
        if (armed < 0) throw systemCallError('epoll_ctl', armed);
      },
    });
  }

  /** Whether waits keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    if (on) this.#watcher.ref();
    else this.#watcher.unref();
  }

  close(): void {
    this.#watcher.close();
    this.#watched.close();
  }

  [dispose](): void {
    this.close();
  }
}
