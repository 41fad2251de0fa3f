import { Worker } from 'node:worker_threads';
import type { PeerApi, PeerCommand } from '../peers/api.js';
import type { Response } from '../peers/wire.js';
import { CallTable, type Peer } from './peer.js';

/** A peer in a worker thread of the calling process. */
class ThreadPeer implements Peer {
  readonly #worker: Worker;
  readonly #calls: CallTable;
  gone = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#calls = new CallTable((request) => worker.postMessage(request));
    worker.on('message', (response: Response) => this.#calls.settle(response));
    worker.on('error', (error) => this.#calls.end(error));
    worker.on('exit', (code) => {
      this.gone = true;
      this.#calls.end(new Error(`the thread has ended with code ${code}`));
    });
  }

  get ready(): Promise<void> {
    return this.#calls.ready;
  }

  call<K extends PeerCommand>(command: K, ...args: Parameters<PeerApi[K]>): ReturnType<PeerApi[K]> {
    return this.#calls.call(command, args);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Starts a worker thread that loads the transport, and waits until it is ready. */
export async function startThreadPeer(moduleUrl: string, exportName: string): Promise<Peer> {
  const program = new URL('../peers/peer.js', import.meta.url);
  const peer = new ThreadPeer(new Worker(program, { workerData: [moduleUrl, exportName] }));
  await peer.ready;
  return peer;
}
