import { AsyncResource } from 'node:async_hooks';

/**
 * Whether a sender or receiver keeps the event loop alive. `process.getActiveResourcesInfo()` knows what
 * Node itself has made, and not what a binding watches; tools that listen to `async_hooks` get a name from
 * here, the place where it was made, and by `hasRef` whether it is the one that they look for.
 */
export class LoopHold extends AsyncResource {
  readonly #apply: (on: boolean) => void;
  #on = true;
  #ended = false;

  /**
   * @param name what tools show.
   * @param apply has all watchers keep the event loop alive, or stop it; those too that are made later.
   */
  constructor(name: string, apply: (on: boolean) => void) {
    super(name, { requireManualDestroy: true });
    this.#apply = apply;
  }

  /** True while it keeps the event loop alive. Asked for by tools. */
  hasRef(): boolean {
    return this.#on && !this.#ended;
  }

  set(on: boolean): void {
    if (this.#on === on || this.#ended) return;
    this.#on = on;
    this.#apply(on);
  }

  /** Nothing will be waited for any more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.emitDestroy();
  }
}
