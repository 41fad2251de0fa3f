import type { Job } from './job.js';

/** Jobs that wait for a worker, in the order in which they came. Those that are run again come first. */
export class JobQueue {
  readonly #again = new Set<Job>();
  readonly #waiting = new Set<Job>();

  get size(): number {
    return this.#again.size + this.#waiting.size;
  }

  push(job: Job): void {
    this.#waiting.add(job);
  }

  pushFirst(job: Job): void {
    this.#again.add(job);
  }

  /** The next one, which is taken out. */
  shift(): Job | undefined {
    for (const queue of [this.#again, this.#waiting]) {
      for (const job of queue) {
        queue.delete(job);
        return job;
      }
    }
    return undefined;
  }

  /** @returns whether it was there. */
  delete(job: Job): boolean {
    return this.#again.delete(job) || this.#waiting.delete(job);
  }

  /** Takes all out. */
  drain(): readonly Job[] {
    const all = [...this.#again, ...this.#waiting];
    this.#again.clear();
    this.#waiting.clear();
    return all;
  }
}
