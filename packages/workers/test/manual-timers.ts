import type { Timers } from '@pageferry/workers';

/** A clock that stands still until a test moves it. */
export class ManualTimers implements Timers {
  readonly #due = new Map<number, { readonly at: number; readonly callback: () => void }>();
  #now = 0;
  #last = 0;

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, milliseconds: number): number {
    this.#due.set(++this.#last, { at: this.#now + milliseconds, callback });
    return this.#last;
  }

  clearTimeout(timer: unknown): void {
    this.#due.delete(timer as number);
  }

  /** In how many milliseconds each timer is due. */
  get pending(): readonly number[] {
    return [...this.#due.values()].map(({ at }) => at - this.#now);
  }

  /** Moves on, and calls what is due. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const [timer, { at, callback }] of this.#due) {
      if (at <= this.#now && this.#due.delete(timer)) callback();
    }
  }
}
