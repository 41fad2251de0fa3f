import { asyncDispose } from '../dispose.js';
import { LoopHold } from './loop-hold.js';

/** What is open until it is closed, and may keep the event loop alive meanwhile. */
export abstract class LoopHolder implements AsyncDisposable {
  readonly #hold: LoopHold;

  /** See {@link LoopHold}. */
  protected constructor(name: string, apply: (on: boolean) => void) {
    this.#hold = new LoopHold(name, apply);
  }

  /** Ends it in order, so that it holds the event loop no more. */
  abstract close(): Promise<void>;

  /** Keeps the process alive while it is open. That is how it begins, unless told otherwise. */
  ref(): this {
    this.#hold.set(true);
    return this;
  }

  /** Lets the process end although it is open. */
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
