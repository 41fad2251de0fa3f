/**
 * As an `AbortController`, whose signal is made when somebody asks for it: most do not, and on Node 20 making one costs as
 * much as reading a small message.
 */
export class LazyAbort {
  #controller: AbortController | undefined;
  #fired: { readonly reason: unknown } | undefined;

  /** The signal, the same one each time. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired !== undefined) this.#controller.abort(this.#fired.reason);
    }
    return this.#controller.signal;
  }

  /** Fires the signal, be it that nobody has asked for it yet. The first reason counts. */
  abort(reason?: unknown): void {
    this.#fired ??= { reason };
    this.#controller?.abort(reason);
  }
}
