import { dispose } from '@pageferry/core';

/**
 * Closes what a function has opened, the last one first, whatever happens. A `using` declaration does
 * the same, but what it is compiled to throws where there is no `Symbol.dispose` (contexts of node:vm on
 * Node 20 and 22, and so Jest).
 *
 * @example
 * const scope = new Scope();
 * try {
 *   const memory = scope.own(createSealedMemory(calls, 'name', 4096));
 *   …
 * } finally {
 *   scope[dispose]();
 * }
 */
export class Scope implements Disposable {
  readonly #owned: Disposable[] = [];

  /** Has `resource` closed with the scope. */
  own<T extends Disposable>(resource: T): T {
    this.#owned.push(resource);
    return resource;
  }

  [dispose](): void {
    for (let last = this.#owned.pop(); last; last = this.#owned.pop()) last[dispose]();
  }
}
