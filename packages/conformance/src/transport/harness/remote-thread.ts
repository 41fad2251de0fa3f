import type { PeerApi, PeerCommand } from '../peers/api.js';
import type { Peer } from './peer.js';

/**
 * A pool so small, and so many messages before a thread is ended in the middle of them, that all of the pool was used by then.
 * koffi ends the process where a thread ends while it makes an `ArrayBuffer`, as for memory that is used for the first time.
 */
export const MID_STREAM = { poolBytes: 64 * 1024, messages: 500 } as const;

/** A worker thread of a peer, as a peer. */
export class RemoteThread implements Peer {
  readonly #process: Peer;
  readonly #id: number;
  gone = false;

  constructor(process: Peer, id: number) {
    this.#process = process;
    this.#id = id;
  }

  static async start(process: Peer): Promise<RemoteThread> {
    return new RemoteThread(process, await process.call('startThread'));
  }

  call<K extends PeerCommand>(command: K, ...args: Parameters<PeerApi[K]>): ReturnType<PeerApi[K]> {
    return this.#process.call('callThread', this.#id, command, args) as ReturnType<PeerApi[K]>;
  }

  async end(): Promise<void> {
    this.gone = true;
    await this.#process.call('terminateThread', this.#id);
  }
}
