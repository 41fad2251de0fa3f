import type { ReceiverInfo, ReceiverStats, SenderStats, SendOutcome } from '@pageferry/core';
import type {
  DescriptorsReport,
  ReceiveReport,
  SendReport,
  SpliceReport,
  SpliceTarget,
} from '../peers/api.js';
import type { Peer } from './peer.js';

/** A sender that a peer has. */
export class RemoteSender {
  readonly peer: Peer;
  readonly #id: number;

  constructor(peer: Peer, id: number) {
    this.peer = peer;
    this.#id = id;
  }

  /** Sends patterned messages of these lengths, in order, waiting for each. */
  send(...lengths: readonly number[]): Promise<SendReport> {
    return this.peer.call('send', this.#id, lengths);
  }
  /** Sends `count` messages; patterned, unless `blank`. */
  sendMany(count: number, byteLength: number, blank = false): Promise<SendReport> {
    return this.peer.call('sendMany', this.#id, count, byteLength, blank);
  }
  /** Sends a message with open files, which are closed at once. */
  sendDescriptors(paths: readonly string[]): Promise<SendOutcome> {
    return this.peer.call('sendDescriptors', this.#id, paths);
  }
  waitForReceivers(count: number): Promise<void> {
    return this.peer.call('waitForReceivers', this.#id, count);
  }
  receivers(): Promise<readonly ReceiverInfo[]> {
    return this.peer.call('listReceivers', this.#id);
  }
  flush(): Promise<void> {
    return this.peer.call('flush', this.#id);
  }
  stats(): Promise<SenderStats> {
    return this.peer.call('senderStats', this.#id);
  }
  close(): Promise<void> {
    return this.peer.call('closeSender', this.#id);
  }
  destroy(): Promise<void> {
    return this.peer.call('destroySender', this.#id);
  }
}

/** A receiver that a peer has. */
export class RemoteReceiver {
  readonly peer: Peer;
  readonly #id: number;

  constructor(peer: Peer, id: number) {
    this.peer = peer;
    this.#id = id;
  }

  /** Receives, checks and releases `count` messages, or all until the end. */
  receive(count = Number.POSITIVE_INFINITY): Promise<ReceiveReport> {
    return this.peer.call('receive', this.#id, count);
  }
  /** Receives a message, and tells what is in the files that came with it. */
  receiveDescriptors(): Promise<DescriptorsReport> {
    return this.peer.call('receiveDescriptors', this.#id);
  }
  /** Receives and checks `count` messages and keeps them. */
  hold(count: number): Promise<ReceiveReport> {
    return this.peer.call('hold', this.#id, count);
  }
  /** Checks once more what is held. */
  checkHeld(): Promise<ReceiveReport> {
    return this.peer.call('checkHeld', this.#id);
  }
  /** Releases the messages that have been held for longest. */
  release(count = Number.POSITIVE_INFINITY): Promise<void> {
    return this.peer.call('releaseHeld', this.#id, count);
  }
  spliceTo(target: SpliceTarget, count: number): Promise<SpliceReport> {
    return this.peer.call('spliceTo', this.#id, target, count);
  }
  stats(): Promise<ReceiverStats> {
    return this.peer.call('receiverStats', this.#id);
  }
  close(): Promise<void> {
    return this.peer.call('closeReceiver', this.#id);
  }
}
