import { dispose } from '@pageferry/core';
import type { LinuxCalls, UnixSocket } from '@pageferry/linux';
import type { ControlMemory } from '../control/control-memory.js';
import type { Doorbell } from '../waiting/doorbell.js';
import { type ConnectionEvents, Link, type RecordHandler } from './link.js';

/** The parts of an end of a connection. It takes them over. */
export interface ConnectionParts {
  /** Carries side records, and tells of the peer's death. */
  readonly socket: UnixSocket;
  /** The control memory. It is the connection's from now on. */
  readonly memory: ControlMemory;
  /** Wakes the sender. */
  readonly senderBell: Doorbell;
  /** Wakes the receiver. */
  readonly receiverBell: Doorbell;
  /** Socket and bells, watched, where another end shares them: the other direction of a channel. */
  readonly link?: Link;
}

/** What both ends of a connection have in common: a control memory, and a link to the peer. */
export abstract class Connection implements Disposable {
  /** The control memory. */
  readonly words: Int32Array;
  /** Entries in the delivery queue: as many messages may be under way. */
  readonly capacity: number;
  /** Which word says whether the receiver is parked. */
  readonly parkedReceiver: number;
  /** The socket and the bells, watched. */
  protected readonly link: Link;
  readonly #memory: ControlMemory;
  #closed = false;

  /** @param peerProgress a number that is another one whenever the peer has published something. */
  protected constructor(
    { memory, socket, link }: ConnectionParts,
    ownBell: Doorbell,
    peerBell: Doorbell,
    peerProgress: () => number,
  ) {
    const { words, capacity, parkedReceiver } = memory;
    this.words = words;
    this.capacity = capacity;
    this.parkedReceiver = parkedReceiver;
    this.#memory = memory;
    this.link = link ?? new Link(socket, ownBell, peerBell);
    this.link.use({ peerProgress, onPeerLeft: () => this.peerLeft() });
  }

  /** See {@link Link.peerGone}. */
  get peerGone(): boolean {
    return this.link.peerGone;
  }

  /** See {@link Link.peerEnded}. */
  get peerEnded(): boolean {
    return this.link.peerEnded;
  }

  /** See {@link Link.failure}. */
  get failure(): unknown {
    return this.link.failure;
  }

  /** See {@link Link.fail}. */
  fail(error: unknown): void {
    this.link.fail(error);
  }

  /** See {@link Link.watch}. */
  watch(calls: LinuxCalls, events: ConnectionEvents): void {
    this.link.watch(calls, events);
  }

  /** See {@link Link.watchProcess}. */
  watchProcess(calls: LinuxCalls, pid: number | undefined): void {
    this.link.watchProcess(calls, pid);
  }

  /** See {@link Link.unwatch}. */
  unwatch(): void {
    this.link.unwatch();
  }

  /** See {@link Link.keepAlive}. */
  keepAlive(on: boolean): void {
    this.link.keepAlive(on);
  }

  /** See {@link Link.checkPeer}. */
  checkPeer(): boolean {
    return this.link.checkPeer();
  }

  /** See {@link Link.believeRing}. */
  believeRing(): boolean {
    return this.link.believeRing();
  }

  /** See {@link Link.takeRecords}. */
  takeRecords(handler: RecordHandler): void {
    this.link.takeRecords(handler);
  }

  /** See {@link Link.takeRecordNow}. */
  takeRecordNow(): boolean {
    return this.link.takeRecordNow();
  }

  /** See {@link Link.sendRecord}. */
  sendRecord(
    kind: number,
    word: number,
    descriptors: readonly { readonly fd: number }[],
  ): 'sent' | 'later' | 'gone' {
    return this.link.sendRecord(kind, word, descriptors);
  }

  /** The descriptors to wait for where the event loop is not: the own bell, and the socket. */
  get waitable(): { readonly bell: Doorbell; readonly socket: UnixSocket } {
    return { bell: this.link.ownBell, socket: this.link.socket };
  }

  /** Called when the peer is gone, or was given up. */
  protected peerLeft(): void {
    // Nothing to do here.
  }

  /** Gives back everything that no other end uses. Harmless the second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.link.release();
    this.#memory.close();
  }

  [dispose](): void {
    this.close();
  }
}
