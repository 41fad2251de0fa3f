import type { Transport } from '@pageferry/core';
import type { PeerApi, PeerCommand } from '../peers/api.js';
import { PeerProgram } from '../peers/program.js';
import type { Peer } from './peer.js';

/** A peer beside the test, in the same thread: for sender and receiver on one event loop. */
export class LocalPeer implements Peer {
  readonly #program: PeerProgram;
  readonly gone = false;

  constructor(transport: Transport) {
    this.#program = new PeerProgram(transport, () => {
      throw new Error('a peer beside the test starts no threads');
    });
  }

  call<K extends PeerCommand>(command: K, ...args: Parameters<PeerApi[K]>): ReturnType<PeerApi[K]> {
    const method = this.#program[command] as (...args: readonly unknown[]) => Promise<unknown>;
    const answer = method(...args);
    answer.catch(() => {});
    return answer as ReturnType<PeerApi[K]>;
  }

  end(): Promise<void> {
    return this.#program.reset();
  }
}
