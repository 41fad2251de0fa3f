import { type LinuxCalls, MAP_NORESERVE, Mapping } from '@pageferry/linux';
import { guardedView, type Lent, takeAway } from './guarded-view.js';

/**
 * Addresses through which a program sees one message after another that has memory of its own: the
 * memory is mapped there while it is in use, and private pages are in between. Its `ArrayBuffer` is
 * made once. V8 takes each for garbage of the heap, and would collect it all for every large message.
 */
export class Window {
  readonly #calls: LinuxCalls;
  readonly mapping: Mapping;
  #alias: ArrayBuffer | undefined;

  /** @throws `SYSTEM_CALL_FAILED` (`ENOMEM`). */
  constructor(calls: LinuxCalls, byteLength: number) {
    this.#calls = calls;
    this.mapping = Mapping.anonymous(calls, byteLength, MAP_NORESERVE, 'parts');
  }

  get byteLength(): number {
    return this.mapping.byteLength;
  }

  /**
   * The first bytes of what it shows.
   *
   * @param guard as {@link guardedView}.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  bytes(byteLength: number, guard: Lent | undefined): Uint8Array<ArrayBuffer> {
    // What the program has detached is made anew.
    if (this.#alias?.byteLength !== this.byteLength) {
      this.#alias = this.mapping.alias(0, this.byteLength);
    }
    return guard
      ? guardedView(this.#alias, byteLength, guard)
      : new Uint8Array(this.#alias, 0, byteLength);
  }

  /** Takes the views of it away from whoever kept one. */
  takeAway(): void {
    if (this.#alias !== undefined) takeAway(this.#calls, this.#alias);
  }
}

/** How many windows are kept: no more messages with memory of their own are under way. */
const MAX_FREE = 16;

/** The windows of one sender or receiver, to use again. An unused one takes up nothing but addresses. */
export class Windows {
  readonly #calls: LinuxCalls;
  /** Those used last at the end. */
  readonly #free: Window[] = [];

  constructor(calls: LinuxCalls) {
    this.#calls = calls;
  }

  /**
   * A window of at least `byteLength` bytes, a multiple of the page size, that shows nothing.
   *
   * @throws `SYSTEM_CALL_FAILED` (`ENOMEM`).
   */
  take(byteLength: number): Window {
    // A clone of a message is one of its whole window.
    const index = this.#free.findLastIndex(
      (window) => window.byteLength >= byteLength && window.byteLength <= 2 * byteLength,
    );
    const [found] = index < 0 ? [] : this.#free.splice(index, 1);
    return found ?? new Window(this.#calls, byteLength);
  }

  /** Takes one back; it shows nothing any more. */
  giveBack(window: Window): void {
    window.mapping.showNothing();
    this.#free.push(window);
    if (this.#free.length > MAX_FREE) this.#free.shift()?.mapping.close();
  }

  /** Lets go of those that are not in use. */
  close(): void {
    for (const window of this.#free.splice(0)) window.mapping.close();
  }
}
