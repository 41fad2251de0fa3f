import { asyncDispose } from '../dispose.js';
import { LoopHold } from './loop-hold.js';

/** What is open until it is closed, and may keep the event loop alive meanwhile. */
export abstract class LoopHolder implements AsyncDisposable {
  readonly #hold: LoopHold;

  /** See {@link LoopHold}. */
  protected constructor(name: string, apply: (on: boolean) => void) {
    this.#hold = new LoopHold(name, apply);
  }

  abstract close(): Promise<void>;

  ref(): this {
    this.#hold.set(true);
    return this;
  }

  unref(): this {
    this.#hold.set(false);
    return this;
  }

  async [asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Nothing will be waited for any more. */
  protected doneWaiting(): void {
    this.#hold.end();
  }
}
