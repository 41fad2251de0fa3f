import { clock } from '@pageferry/core';

/** The longest pause, in milliseconds. */
const LONGEST = 50;

/**
 * When to try again to pass memory to a receiver to which it could not be passed: it had not taken what was
 * passed before, too many descriptors were under way, or the kernel had no memory. Nobody rings when that is
 * over, so that time has to tell.
 */
export class PassingPause {
  readonly #onOver: () => void;
  /** How long the last pause was, in milliseconds; 0 if nothing has failed. */
  #length = 0;
  /** When it is over, in milliseconds of the clock; `undefined` if there is none. */
  #end: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #keepsAlive = true;

  /** @param onOver called when a pause is over that somebody waits for. It must not throw. */
  constructor(onOver: () => void) {
    this.#onOver = onOver;
  }

  /** False while it would be too early. */
  mayTry(): boolean {
    return this.#end === undefined || clock.now() >= this.#end;
  }

  /** It could not be passed. */
  failed(): void {
    this.#length = Math.min(Math.max(1, this.#length * 2), LONGEST);
    this.#end = clock.now() + this.#length;
  }

  /** It was passed. */
  succeeded(): void {
    this.#length = 0;
    this.#end = undefined;
  }

  /** Somebody waits, and may be waiting for this. */
  arm(): void {
    if (this.#end === undefined || this.#timer !== undefined) return;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#end = undefined;
      this.#onOver();
    }, this.#length);
    this.keepAlive(this.#keepsAlive);
  }

  /** Whether a pause that somebody waits for keeps the event loop alive. It does until this is called. */
  keepAlive(on: boolean): void {
    this.#keepsAlive = on;
    if (on) this.#timer?.ref();
    else this.#timer?.unref();
  }

  close(): void {
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#end = undefined;
  }
}
