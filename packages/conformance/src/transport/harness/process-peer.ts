import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeChildOptions } from '@pageferry/linux';
import type { PeerApi, PeerCommand } from '../peers/api.js';
import type { Response } from '../peers/wire.js';
import { CallTable, type Peer } from './peer.js';

const PROGRAM = fileURLToPath(new URL('../peers/peer.js', import.meta.url));

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A peer in a process of its own. */
export class ProcessPeer implements Peer {
  readonly #child: ChildProcess;
  readonly #calls: CallTable;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ending>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#calls = new CallTable((request) => child.send(request));
    child.on('message', (response: Response) => this.#calls.settle(response));
    child.on('error', (error) => this.#calls.end(error));
    this.ended = once(child, 'exit').then(([code, signal]) => {
      this.#calls.end(new Error(`the peer has ended with ${signal ?? `code ${code}`}`));
      return { code, signal };
    });
  }

  /** @param uid runs the process as another user; only root may ask for it. */
  static async start(moduleUrl: string, exportName: string, uid?: number): Promise<ProcessPeer> {
    const child = fork(PROGRAM, [moduleUrl, exportName], {
      serialization: 'advanced',
      execArgv: [],
      env: nodeChildOptions().env,
      ...(uid === undefined ? {} : { uid, gid: uid, cwd: '/' }),
    });
    const peer = new ProcessPeer(child);
    await peer.#calls.ready;
    return peer;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get gone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  call<K extends PeerCommand>(command: K, ...args: Parameters<PeerApi[K]>): ReturnType<PeerApi[K]> {
    return this.#calls.call(command, args);
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Stops talking to the process. It ends by itself, unless something keeps it alive. */
  leave(): Promise<Ending> {
    if (this.#child.connected) this.#child.disconnect();
    return this.ended;
  }
}
