import type { PeerApi, PeerCommand } from '../peers/api.js';
import type { Peer } from './peer.js';

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
