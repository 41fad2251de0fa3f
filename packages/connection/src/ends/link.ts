import { clock } from '@pageferry/core';
import {
  type DescriptorWatcher,
  type LinuxCalls,
  POLLIN,
  type SocketMessage,
  systemCallError,
  type UnixSocket,
} from '@pageferry/linux';
import {
  decodeSideRecord,
  encodeSideRecord,
  SIDE_RECORD_ROOM,
  type SideRecord,
} from '../control/side-record.js';
import type { Doorbell } from '../waiting/doorbell.js';
import { ProcessWatch } from './process-watch.js';
import { RingCredit } from './ring-credit.js';

/** How many messages of the peer to take before others have their turn of the event loop. */
const MESSAGES_AT_ONCE = 16;

/** What happens on a link, on the event loop. */
export interface ConnectionEvents {
  /** The peer has rung: something may have changed. */
  readonly onRing: () => void;
  /** The peer has hung up or died, or the connection has failed. Called once. */
  readonly onHangUp: () => void;
}

/**
 * Takes a record of the peer, and owns its descriptors. False if the peer should not have sent it: it
 * breaks the protocol, and is cut off.
 */
export type RecordHandler = (record: SideRecord) => boolean;

/** What an end of a connection tells its {@link Link}. */
export interface LinkUser {
  /** A number that is another one whenever the peer has published something for this end. */
  readonly peerProgress: () => number;
  /** Called when the peer is gone, or was given up. */
  readonly onPeerLeft: () => void;
}

/**
 * The socket and the doorbells between two processes, watched: for rings, for records, and for the peer's end. A
 * connection for one direction has one to itself; both directions of a channel share one, which is closed with the
 * second of them.
 */
export class Link {
  /** Carries side records, and tells of the peer's death. */
  readonly socket: UnixSocket;
  /** Wakes this side. */
  readonly ownBell: Doorbell;
  /** Wakes the peer. */
  readonly peerBell: Doorbell;
  readonly #users: LinkUser[] = [];
  readonly #rings: RingCredit;
  #open = 0;
  #takesRecord: RecordHandler = refuse;
  #socketWatcher: DescriptorWatcher | undefined;
  #process: ProcessWatch | undefined;
  #onHangUp: (() => void) | undefined;
  #peerGone = false;
  #peerEnded = false;
  /** True if the peer was cut off because it rang and rang, and had changed nothing. */
  ringsInVain = false;
  /** True if the peer was cut off for what it did, as one end has found. */
  isAccused = false;
  #failure: unknown;
  /** Called when the peer's process has ended, where that is watched, whatever was given up before. */
  onProcessEnd: (() => void) | undefined;

  /** Takes socket and bells over. */
  constructor(socket: UnixSocket, ownBell: Doorbell, peerBell: Doorbell) {
    this.socket = socket;
    this.ownBell = ownBell;
    this.peerBell = peerBell;
    this.#rings = new RingCredit(() =>
      this.#users.reduce((sum, { peerProgress }) => (sum + peerProgress()) | 0, 0),
    );
  }

  /** An end uses this from now on, and calls {@link release} once. */
  use(user: LinkUser): void {
    this.#users.push(user);
    this.#open++;
  }

  /** True once the peer has hung up or died, or the connection has failed on this side. */
  get peerGone(): boolean {
    return this.#peerGone;
  }

  /**
   * True once the peer's end of the socket was seen to have closed: it is gone for certain, where
   * {@link peerGone} may also say that this side has given it up.
   */
  get peerEnded(): boolean {
    return this.#peerEnded;
  }

  /** What failed on this side, mostly `SYSTEM_CALL_FAILED`; `undefined` if nothing did. */
  get failure(): unknown {
    return this.#failure;
  }

  /**
   * Ends the connection, as far as this side is concerned, because of what failed here: where nobody
   * would catch it, as in a callback of the event loop, or once a message was announced. The first
   * failure counts.
   */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#giveUp();
    this.#unwatchSocket();
    // Not here: it may be in the middle of what its owner does.
    clock.setImmediate(() => this.#hangUp());
  }

  /**
   * Starts to watch for rings and for the peer's end. The events must not throw: nobody is there to
   * catch it.
   *
   * @throws `SYSTEM_CALL_FAILED`.
   */
  watch(calls: LinuxCalls, events: ConnectionEvents): void {
    this.ownBell.listen(
      () => {
        if (this.believeRing()) events.onRing();
        else this.#hangUp();
      },
      (error) => this.fail(error),
    );
    const watcher = calls.watch(this.socket.fd, POLLIN, (error) => {
      try {
        if (error < 0) throw systemCallError('epoll_wait', error);
        if (this.#takeAll() === 'gone') this.#hangUp();
      } catch (failure) {
        this.fail(failure);
      }
    });
    if (typeof watcher === 'number') throw systemCallError('epoll_ctl', watcher);
    this.#socketWatcher = watcher;
    this.#onHangUp = events.onHangUp;
  }

  /**
   * Takes the end of the peer's process for the peer's end: a child that it has forked (without a program of
   * its own) has the socket, too, and would hold it open for as long as it lives. Where there is nothing to
   * watch the socket alone tells. Only after {@link watch}.
   *
   * @param pid of the peer, as the kernel has named it.
   */
  watchProcess(calls: LinuxCalls, pid: number | undefined): void {
    this.#process = ProcessWatch.open(calls, pid, () => {
      this.#peerEnded = true;
      this.#hangUp();
      this.onProcessEnd?.();
    });
  }

  /** Stops watching for the peer's end. */
  unwatch(): void {
    this.#unwatchSocket();
    this.#process?.close();
    this.#process = undefined;
  }

  /** Whether the watchers keep the event loop alive. They do until this is called. */
  keepAlive(on: boolean): void {
    this.ownBell.keepAlive(on);
    if (on) this.#socketWatcher?.ref();
    else this.#socketWatcher?.unref();
  }

  /**
   * True once the peer has hung up or died, also where the event loop had no turn to notice it. What is
   * behind more messages than an honest peer has under way is seen at the next call.
   */
  checkPeer(): boolean {
    if (this.#peerGone) return true;
    try {
      if (this.#takeAll() === 'gone') this.#giveUp();
    } catch (error) {
      this.fail(error);
    }
    return this.#peerGone;
  }

  /** Whether to look what is new, after a ring. A peer that rings and rings in vain is cut off. */
  believeRing(): boolean {
    if (this.#rings.isGood()) return true;
    this.ownBell.ignore();
    this.#unwatchSocket();
    this.ringsInVain = !this.#peerGone;
    this.#giveUp();
    return false;
  }

  /** Has `handler` take the peer's records from now on. Before that, a record breaks the protocol. */
  takeRecords(handler: RecordHandler): void {
    this.#takesRecord = handler;
  }

  /**
   * Takes one record off the socket without waiting for the event loop.
   *
   * @returns false if there is none, or it was refused.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  takeRecordNow(): boolean {
    const message = this.socket.receive(SIDE_RECORD_ROOM);
    // The end is noticed, and told, by whoever watches the socket.
    if (message === undefined || message === 'end') return false;
    return this.#handle(message);
  }

  /**
   * Sends the peer a record with descriptors, which stay the caller's.
   *
   * @returns `'later'` if it cannot be passed now, be it that the peer has not taken what was passed before,
   *   or that too many descriptors are under way; `'gone'` if the peer is.
   * @throws `SYSTEM_CALL_FAILED`.
   */
  sendRecord(
    kind: number,
    word: number,
    descriptors: readonly { readonly fd: number }[],
  ): 'sent' | 'later' | 'gone' {
    return this.socket.sendNowOrLater(encodeSideRecord(kind, word), descriptors);
  }

  /** Rings the peer. A bell that does not ring is the end: the other side would sleep on. */
  ring(): void {
    try {
      this.peerBell.ring();
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Gives up a peer that may be alive: nothing that happens here is told any more, but the end of its process. Of a
   * link with two directions the other one is told that the peer has hung up.
   *
   * @param isAccused whether that is because of what the peer did.
   */
  cutOff(isAccused: boolean): void {
    this.isAccused = isAccused;
    if (!this.#peerGone) this.#giveUp();
    this.#unwatchSocket();
    this.ownBell.ignore();
    const onHangUp = this.#onHangUp;
    this.#onHangUp = undefined;
    if (this.#open < 2 || onHangUp === undefined) return;
    // The other direction has to learn of it; not here, in the middle of what this one does.
    clock.setImmediate(() => {
      if (this.#open > 0) onHangUp();
    });
  }

  /** An end is closed. The last one closes everything. */
  release(): void {
    if (--this.#open > 0) return;
    this.unwatch();
    this.#onHangUp = undefined;
    this.ownBell.close();
    this.peerBell.close();
    this.socket.close();
  }

  /** Takes what came on the socket: `'gone'` at its end, and for what should not have come. */
  #takeAll(): 'gone' | undefined {
    const { socket } = this;
    for (let count = 0; count < MESSAGES_AT_ONCE; count++) {
      const message = socket.receive(SIDE_RECORD_ROOM);
      if (message === undefined) return undefined;
      if (message === 'end') this.#peerEnded = true;
      if (message === 'end' || !this.#handle(message)) return 'gone';
    }
    return undefined;
  }

  #handle(message: SocketMessage): boolean {
    const record = decodeSideRecord(message);
    return record !== undefined && this.#takesRecord(record);
  }

  #unwatchSocket(): void {
    this.#socketWatcher?.close();
    this.#socketWatcher = undefined;
  }

  #giveUp(): void {
    this.#peerGone = true;
    for (const user of this.#users) user.onPeerLeft();
  }

  #hangUp(): void {
    if (!this.#peerGone) this.#giveUp();
    this.#unwatchSocket();
    // Nobody is left who could ring: an idle receiver must not keep its process alive for that.
    this.ownBell.ignore();
    const onHangUp = this.#onHangUp;
    this.#onHangUp = undefined;
    onHangUp?.();
  }
}

function refuse({ descriptors }: SideRecord): boolean {
  if (typeof descriptors === 'object') for (const descriptor of descriptors) descriptor.close();
  return false;
}
