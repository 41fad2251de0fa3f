import { clock } from '@pageferry/core';

/** Keeps the process alive while something is under way. */
export class KeepAlive {
  /** It never fires, as far as anybody will see; to hold it is cheaper than to hold every worker. */
  readonly #timer: NodeJS.Timeout = clock.setInterval(() => undefined, 0x7fffffff);
  #count = 0;
  #isClosed = false;

  constructor() {
    this.#timer.unref();
  }

  add(): void {
    if (this.#count++ === 0 && !this.#isClosed) this.#timer.ref();
  }

  remove(): void {
    if (--this.#count === 0 && !this.#isClosed) this.#timer.unref();
  }

  /** For good: a timer that was cleared must not be referred to any more. */
  close(): void {
    this.#isClosed = true;
    clock.clearInterval(this.#timer);
  }
}
