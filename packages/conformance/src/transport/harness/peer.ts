import type { PeerApi, PeerCommand } from '../peers/api.js';
import { type Request, type Response, unpackError } from '../peers/wire.js';

/** A peer as the test sees it: a typed call goes out, its answer comes back. */
export interface Peer {
  /** True once the peer has ended or was killed. */
  readonly gone: boolean;
  call<K extends PeerCommand>(command: K, ...args: Parameters<PeerApi[K]>): ReturnType<PeerApi[K]>;
  /** Ends the peer at once, whatever it has open, and waits until it is gone. */
  end(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Matches answers to calls over any channel that carries structured clones. */
export class CallTable {
  readonly #post: (request: Request) => void;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #over: Error | undefined;
  /** Resolves when the peer is ready for calls. */
  readonly ready: Promise<void>;

  constructor(post: (request: Request) => void) {
    this.#post = post;
    this.ready = new Promise((resolve, reject) => {
      this.#pending.set(0, { resolve, reject });
    });
  }

  call<K extends PeerCommand>(command: K, args: Parameters<PeerApi[K]>): ReturnType<PeerApi[K]> {
    const answer = new Promise((resolve, reject) => {
      if (this.#over !== undefined) throw this.#over;
      const id = this.#next++;
      this.#pending.set(id, { resolve, reject });
      this.#post({ id, command, args });
    });
    // A test may leave a call unanswered on purpose; whoever awaits it still sees it fail.
    answer.catch(() => {});
    return answer as ReturnType<PeerApi[K]>;
  }

  /** Takes an answer in. */
  settle(response: Response): void {
    const pending = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if ('error' in response) pending?.reject(unpackError(response.error));
    else pending?.resolve(response.value as never);
  }

  /** Fails every call that has no answer yet, and every later one. */
  end(error: Error): void {
    this.#over = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
