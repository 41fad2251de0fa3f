import type { Subject } from '../registration.js';
import { LocalPeer } from './local-peer.js';
import type { Peer } from './peer.js';
import { ProcessPeer } from './process-peer.js';

/** A peer that does not clean up after itself in this many milliseconds is killed. */
const RESET_PATIENCE = 5000;

/**
 * Keeps peers from one test for the next, because starting a process takes longer than most tests.
 * A peer is passed on only after it has closed all that it had.
 */
export class PeerPool {
  readonly #subject: Subject;
  readonly #idle: Peer[] = [];

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** A peer without senders and receivers: a process, or for `processes: false`, one beside the test. */
  async take(): Promise<Peer> {
    return this.#idle.pop() ?? this.start();
  }

  /** A peer that nobody has used. It may be handed to {@link giveBack} as well. */
  async start(): Promise<Peer> {
    const { processes, transport, moduleUrl, exportName } = this.#subject;
    return processes ? ProcessPeer.start(moduleUrl, exportName) : new LocalPeer(transport);
  }

  /** Takes a peer back. Fails if the peer cannot close what it has. */
  async giveBack(peer: Peer): Promise<void> {
    if (peer.gone) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('a peer did not close its ends')), RESET_PATIENCE);
    });
    try {
      await Promise.race([peer.call('reset'), patience]);
      this.#idle.push(peer);
    } catch (error) {
      await (peer instanceof ProcessPeer ? peer.end() : undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends every idle peer. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((peer) => peer.end()));
  }
}
