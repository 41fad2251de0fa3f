import { AdaptiveWaits } from '@pageferry/connection';
import { clock, dispose, type LoopBudget, SPINS_BETWEEN_YIELDS } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  OwnedFd,
  systemCallError,
} from '@pageferry/linux';

/** What {@link ReadinessWaits} needs. */
export interface ReadinessWaitsSettings {
  readonly calls: LinuxCalls;
  /** What is to be ready. It stays the caller's, who may close it: a duplicate is watched. */
  readonly fd: number;
  /**
   * The events that can make a condition true now; 0 if none can. One that holds already and changes
   * nothing would be told again in each turn of the event loop.
   */
  readonly events: () => number;
  readonly budget: LoopBudget;
  readonly spinMicroseconds: number;
}

/**
 * Adaptive waiting where the other side is a foreign program, which rings no bell: the kernel tells
 * when the descriptor is ready.
 */
export class ReadinessWaits implements Disposable {
  readonly waits: AdaptiveWaits;
  /**
   * A duplicate. Node or another wait may watch the original, and its number may be another file's by now.
   */
  readonly #watched: OwnedFd;
  readonly #watcher: DescriptorWatcher;
  /** Keeps the event loop alive while somebody waits and nothing is watched. */
  #hold: NodeJS.Timeout | undefined;
  #keepsAlive = true;

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
      // Each look is a system call.
      spins: SPINS_BETWEEN_YIELDS,
      arm: () => {
        const wanted = events();
        const armed = this.#watcher.update(wanted);
        if (armed < 0) throw systemCallError('epoll_ctl', armed);
        if (wanted === 0) this.#holdOn();
        else this.#letGo();
      },
    });
  }

  /** The descriptor that is watched, for reading and writing: open until this is closed. */
  get fd(): number {
    return this.#watched.fd;
  }

  /** Whether waits keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    for (const each of [this.#watcher, this.#hold]) {
      if (on) each?.ref();
      else each?.unref();
    }
  }

  close(): void {
    this.#letGo();
    this.#watcher.close();
    this.#watched.close();
  }

  [dispose](): void {
    this.close();
  }

  #holdOn(): void {
    if (this.#hold !== undefined) return;
    // Nobody says when a wait is over: look from time to time whether there is one.
    this.#hold = clock.setInterval(() => {
      if (this.waits.parked === 0) this.#letGo();
    }, 1000);
    if (!this.#keepsAlive) this.#hold.unref();
  }

  #letGo(): void {
    clock.clearInterval(this.#hold);
    this.#hold = undefined;
  }
}
